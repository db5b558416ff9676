// The example of sending within a transaction.

import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import pg from "pg";
import { Order, order } from "../../examples/transaction/order.ts";
import { pay } from "../../examples/transaction/pay.ts";
import { postgresTest } from "../postgres/given.ts";

postgresTest("a bill and the message about it are written together", async ({ url, schema }) => {
  const pool = new pg.Pool({ connectionString: url, options: `-c search_path=${schema}` });
  const store = postgres(url, { schema });
  await using system = new System({ actors: [order], store });
  await system.ready();
  try {
    await pool.query("CREATE TABLE bills (id text PRIMARY KEY, cents int CHECK (cents < 1000))");
    await pay(pool, store, "bill-7", "ada", 450);
    await assert.rejects(pay(pool, store, "bill-7", "ada", 450), /duplicate key/);
    await assert.rejects(pay(pool, store, "bill-8", "ada", 1_000), /check constraint/);
    await pay(pool, store, "bill-9", "ada", 50);
    const ada = system.ref(Order, "ada");
    while (await ada.ask(Order.total) < 500);
    assert.equal(await ada.ask(Order.total), 500);
  } finally {
    await pool.end();
  }
});
