// What cannot be sent within a transaction of the user.

import assert from "node:assert/strict";
import { systemClock } from "@posthorn/posthorn";
import { postgres } from "@posthorn/posthorn/postgres";
import { withDatabase } from "../../../postgres/database.ts";
import { postgresTest } from "../../../postgres/given.ts";
import { Desk, failureOf, inShop, Order } from "./shop.ts";

postgresTest(
  "within: what cannot be sent is refused as by a handle, and the transaction goes on",
  async (given) => {
    await inShop(given, async ({ system, commit, until, store, client }) => {
      const own = store.within(client);
      type Sender = Pick<typeof own, "publish"> & {
        ref(protocol: typeof Order, key: string): ReturnType<typeof refOf>;
      };
      const refOf = (sender: typeof own) => sender.ref(Order, "ada");
      const cases: ((sender: Sender) => unknown)[] = [
        (to) => to.ref(Order, "ada").tell(Order.paid, { cents: "1" } as never),
        (to) => to.ref(Order, "ada").tell(Order.placed, undefined as never),
        (to) => to.ref(Order, "ada").tell(Order.ring, { idd: "x" } as never),
        (to) => to.ref(Order, "ada").tell(Order.placed, "x", { id: "two words" }),
        (to) => to.ref(Order, "ada").tell(Order.placed, "x", { headers: { a: 1 as never } }),
        (to) => to.ref(Order, "ada").tell(Order.placed, "x", { timeoutMs: 0 }),
        (to) => to.ref(Order, "ada").tell(Order.placed, "x", { afterMs: -1 }),
        (to) => to.ref(Order, "ada").tell(Order.placed, "x".repeat(17 * 1024 * 1024)),
        (to) => to.ref(Order, "a\u0000b"),
        (to) => to.ref(Order, ".."),
        (to) => to.publish(Order.shipped, { to: 1 } as never),
        (to) => to.publish(Order.shipped, { to: "x".repeat(513) }),
      ];
      await commit(async (tx) => {
        for (const send of cases) {
          const refusal = without(await failureOf(() => send(tx as never)));
          assert.notEqual(refusal, "none", String(send));
          assert.equal(refusal, without(await failureOf(() => send(system as never))), String(send));
        }
        const ada = tx.ref(Order, "ada");
        assert.match(
          await failureOf(() => ada.tell(Order.placed, "x", { ID: "y" } as never)),
          /TypeError.*no such option/,
        );
        assert.match(
          await failureOf(() => ada.submit(Order.quote, 1, { replyto: 1 } as never)),
          /did you mean replyTo/i,
        );
        assert.match(
          await failureOf(() => ada.tell(Desk.heard as never, { to: "x" } as never)),
          /unknown-operation/,
        );
        assert.match(
          await failureOf(() => ada.tell(Order.shipped as never, { to: "x" } as never)),
          /unknown-operation/,
        );
        assert.match(
          await failureOf(() =>
            ada.submit(Order.quote, 1, { replyTo: { protocol: "~reply", key: "x", operation: "y" } as never })
          ),
          /invalid-address/,
        );
        await ada.tell(Order.placed, "goes on");
      });
      assert.deepEqual(await until("ada", 1), ["goes on"]);
    });
  },
);

postgresTest("within: a full mailbox refuses, unless the message was accepted before", async (given) => {
  const { url, schema } = given;
  const store = postgres(url, { schema });
  await (await store.open({ clock: systemClock() })).close();
  await withDatabase(url, async (client) => {
    const rows = (key: string, count: number, bytes: number) =>
      client.query(
        `INSERT INTO "${schema}".entries SELECT 'mail' || chr(31) || 'order' || chr(31) || $1 || chr(31) || lpad(n::text, 11, '0'),
          convert_to(repeat('x', $3), 'UTF8'), 1 FROM generate_series(1, $2) n`,
        [key, count, bytes],
      );
    const tx = store.within(client);
    await client.query("BEGIN");
    await tx.ref(Order, "many").tell(Order.placed, "first", { id: "a" });
    await rows("many", 9_998, 1);
    await rows("large", 65, 1_048_576);
    const fresh = store.within(client);
    await fresh.ref(Order, "many").tell(Order.placed, "last", { id: "b" });
    const full = await failureOf(() => fresh.ref(Order, "many").tell(Order.placed, "more"));
    assert.match(
      full,
      /mailbox-full: Cannot deliver to order\/many: its mailbox holds 10000 of 10000 messages/,
    );
    await fresh.ref(Order, "many").tell(Order.placed, "first", { id: "a" });
    const large = await failureOf(() => fresh.ref(Order, "large").tell(Order.placed, "more"));
    assert.match(large, /mailbox-full: .* of 67108864 bytes/);
    await fresh.ref(Order, "empty").tell(Order.placed, "goes on");
    await client.query("ROLLBACK");
  });
});

postgresTest(
  "within: without the schema, or with another version of it, nothing is sent",
  async ({ url, schema }) => {
    await withDatabase(url, async (client) => {
      const send = () => postgres(url, { schema }).within(client).ref(Order, "ada").tell(Order.placed, "x");
      await client.query("BEGIN");
      const absent = await failureOf(send);
      assert.match(
        absent,
        /store-unavailable: Cannot send within a transaction: schema .* is not there.*no system has opened it/,
      );
      assert.match(absent, /postgresMigration/);
      const connection = await postgres(url, { schema }).open({ clock: systemClock() });
      const value = new TextEncoder().encode('{"instance":"i","atMs":0,"format":"copying"}\n');
      await connection.commit([{ checks: [], writes: [{ key: "proof", value }], removals: [] }]);
      await connection.close();
      assert.match(
        await failureOf(send),
        /unknown-format: Cannot send .*: another store is being copied into it/,
      );
      await client.query(`UPDATE "${schema}".migration SET version = 2`);
      assert.match(await failureOf(send), /has version 2 of 1: a newer version/);
      await client.query("COMMIT");
    });
  },
);

postgresTest("within: what the database refuses is the error of the client", async ({ url, schema }) => {
  const store = postgres(url, { schema });
  await (await store.open({ clock: systemClock() })).close();
  await withDatabase(url, async (client) => {
    const send = (id?: string) =>
      store.within(client).ref(Order, "ada").tell(Order.placed, "x", id === undefined ? {} : { id });
    await client.query("BEGIN READ ONLY");
    assert.match(await failureOf(send), /error 25006/);
    assert.match(await failureOf(send), /error 25P02/);
    await client.query("ROLLBACK");
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await client.query("SELECT 1");
    await withDatabase(
      url,
      (other) => store.within(other).ref(Order, "ada").tell(Order.placed, "x", { id: "a" }),
    );
    assert.match(
      await failureOf(() => send("a")),
      /error 40001/,
      "as any row that another transaction has written",
    );
    await client.query("ROLLBACK");
  });
});

Deno.test("within: a pool is refused, and what has no query", () => {
  const store = postgres("postgres://localhost/app");
  assert.throws(() => store.within({ query: () => {}, totalCount: 1 } as never), /TypeError|it is a pool/);
  for (const client of [undefined, null, {}, 5]) {
    assert.throws(() => store.within(client as never), /it has no query/);
  }
});

/** A failure without the size of a commit: without an id, the same message has no mark here. */
function without(failure: string): string {
  return failure.replace(/takes \d+/, "takes");
}
