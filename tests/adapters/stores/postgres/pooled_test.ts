// What a store promises, through pgbouncer, which gives connections of the server to clients for one transaction.

import assert from "node:assert/strict";
import { postgres } from "@posthorn/posthorn/postgres";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { dropSchema, newSchema, pooledTest } from "../../../postgres/given.ts";

pooledTest("postgres, through a pooler in transaction mode", async (given, test) => {
  const pooled = await given.pooled("transaction");
  const open = () => {
    const schema = newSchema();
    return {
      store: postgres(pooled, { schema, watch: "poll" }),
      dispose: () => dropSchema(given.url, schema),
    };
  };
  for (const { name, run } of storeConformance({ open })) assert(await test.step(name, run), name);
});
