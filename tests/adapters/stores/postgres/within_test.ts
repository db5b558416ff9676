// Sending within a transaction of the user.

import assert from "node:assert/strict";
import { System, systemClock } from "@posthorn/posthorn";
import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { postgres, type Transaction } from "@posthorn/posthorn/postgres";
import { type Client, withDatabase } from "../../../postgres/database.ts";
import { pooledTest, postgresTest } from "../../../postgres/given.ts";
import { Desk, desk, failureOf, inShop, Order, order } from "./shop.ts";

postgresTest(
  "within: what is sent is handled after the commit, in order, and never after a rollback",
  async (given) => {
    await inShop(given, async ({ commit, told, until }) => {
      await commit(async (tx) => {
        await tx.ref(Order, "ada").tell(Order.paid, { cents: 1 });
        await tx.ref(Order, "bob").tell(Order.placed, "never");
      }, "ROLLBACK");
      await commit(async (tx) => {
        const ada = tx.ref(Order, "ada");
        await ada.tell(Order.paid, { cents: 2 });
        await Promise.all(["a", "b", "c"].map((text) => ada.tell(Order.placed, text)));
        await ada.tell(Order.ring);
        assert.deepEqual(await told("ada"), [], "nothing before the commit");
      });
      assert.deepEqual(await until("ada", 5), ["paid 2", "a", "b", "c", "ring"]);
      await commit((tx) => tx.ref(Order, "ada").tell(Order.placed, "d"));
      assert.deepEqual((await until("ada", 6)).at(-1), "d");
      assert.deepEqual(await told("bob"), []);
    });
  },
);

postgresTest(
  "within: a ticket is read after the commit, and a reply goes where it is said",
  async (given) => {
    await inShop(given, async ({ system, commit, client, store, until }) => {
      let ids: string[] = [];
      await commit(async (tx) => {
        const replyTo = system.ref(Order, "eve").at(Order.priced);
        const first = await tx.ref(Order, "ada").submit(Order.quote, 21, { id: "q-1" });
        const again = await tx.ref(Order, "ada").submit(Order.quote, 21, { id: "q-1" });
        const other = await tx.ref(Order, "ada").submit(Order.quote, 4);
        await tx.ref(Order, "ada").submit(Order.quote, 5, { replyTo });
        ids = [first.id, again.id, other.id];
        assert.match(await failureOf(() => system.ticket(first.id).reply()), /unknown-reply/);
      });
      assert.equal(ids[0], ids[1]);
      assert.equal(await system.ticket(ids[0], Order.quote).reply({ timeoutMs: 20_000 }), 42);
      assert.equal(await system.ticket(ids[2], Order.quote).reply({ timeoutMs: 20_000 }), 8);
      assert.deepEqual(await until("eve", 1), ["priced 10"]);
      await client.query("BEGIN");
      const { id } = await store.within(client).ref(Order, "ada").submit(Order.quote, 21, { id: "q-1" });
      await client.query("COMMIT");
      assert.equal(id, ids[0], "in another transaction too");
      const repeat = await system.ref(Order, "ada").submit(Order.quote, 21, { id: "q-1" });
      assert.equal(repeat.id, ids[0], "and outside of any");
    });
  },
);

postgresTest("within: whatever the user has set for the session", async (given) => {
  await inShop(given, async ({ client, commit, until }) => {
    const settings = ["array_nulls = off", "search_path = nowhere", "standard_conforming_strings = off"]
      .concat(
        "bytea_output = escape",
        "default_transaction_isolation = serializable",
      );
    for (const [index, setting] of settings.entries()) {
      await client.query(`SET ${setting}`);
      await commit((tx) =>
        tx.ref(Order, `k"'\\{}, NULL`).tell(Order.placed, `${index}`, { id: `${index}\\'"` })
      );
      await commit((tx) =>
        tx.ref(Order, `k"'\\{}, NULL`).tell(Order.placed, `${index}`, { id: `${index}\\'"` })
      );
    }
    assert.deepEqual(await until(`k"'\\{}, NULL`, settings.length), settings.map((_, index) => `${index}`));
  });
});

postgresTest("within: a request is taken back by its ticket, before it is due", async (given) => {
  await inShop(given, async ({ system, commit, told }) => {
    let id = "";
    await commit(async (tx) => {
      ({ id } = await tx.ref(Order, "ada").submit(Order.quote, 1, { afterMs: 3_600_000 }));
    });
    assert.equal(await system.ticket(id, Order.quote).cancel(), "cancelled");
    assert.deepEqual(await told("ada"), []);
  });
});

postgresTest("within: an id is recognised in every transaction, and by handles", async (given) => {
  await inShop(given, async ({ system, commit, until, client, store }) => {
    const pay = (cents: number) => (tx: Transaction) =>
      tx.ref(Order, "ada").tell(Order.paid, { cents }, { id: "bill-7" });
    await commit(pay(9), "ROLLBACK");
    await commit(async (tx) => {
      await pay(1)(tx);
      await pay(1)(tx);
    });
    await commit(pay(1));
    await system.ref(Order, "ada").tell(Order.paid, { cents: 1 }, { id: "bill-7" });
    await client.query("BEGIN");
    const refusal = await failureOf(() => pay(2)(store.within(client)));
    assert.equal(
      refusal,
      await failureOf(() => system.ref(Order, "ada").tell(Order.paid, { cents: 2 }, { id: "bill-7" })),
    );
    assert.match(refusal, /id-reused/);
    await store.within(client).ref(Order, "ada").tell(Order.placed, "goes on");
    await client.query("COMMIT");
    assert.deepEqual(await until("ada", 2), ["paid 1", "goes on"]);
  });
});

postgresTest(
  "within: of two transactions with one id the second waits for what becomes of the first",
  async (given) => {
    await inShop(given, async ({ store, client, until }) => {
      for (const end of ["COMMIT", "ROLLBACK"]) {
        await withDatabase(given.url, async (other) => {
          await Promise.all([client.query("BEGIN"), other.query("BEGIN")]);
          const first = store.within(client).ref(Order, end);
          await first.tell(Order.placed, "once", { id: "bill" });
          const second = store.within(other).ref(Order, end).tell(Order.placed, "once", { id: "bill" });
          const waits =
            `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%"${given.schema}".send%'`;
          await withDatabase(given.url, async (third) => {
            while ((await third.query(waits)).rows.length === 0);
          });
          await client.query(end);
          await second;
          await other.query("COMMIT");
          assert.deepEqual(await until(end, 1), ["once"]);
        });
      }
    });
  },
);

postgresTest("within: a published event reaches subscribers, and other services", async (given) => {
  const broker = memoryBroker();
  const heard = Promise.withResolvers<string>();
  await using carrier = new System({
    actors: [],
    name: "carrier",
    transport: memoryTransport({ broker }),
    remote: [Order.shipped],
  });
  using subscribed = carrier.subscribe(Order.shipped, ({ to }) => heard.resolve(to));
  await subscribed.ready;
  const store = postgres(given.url, { schema: given.schema });
  const transport = memoryTransport({ broker, expose: [Order.shipped] });
  await using system = new System({ actors: [order, desk], store, name: "shop", transport });
  await system.subscribe(Order.shipped, system.ref(Desk, "d").at(Desk.heard), { subject: "rome" }).ready;
  const local = Promise.withResolvers<string>();
  using listening = system.subscribe(Order.shipped, ({ to }) => local.resolve(to));
  await listening.ready;
  await withDatabase(given.url, async (client) => {
    await client.query("BEGIN");
    await store.within(client).publish(Order.shipped, { to: "rome" }, { id: "s-1" });
    await store.within(client).publish(Order.shipped, { to: "rome" }, { id: "s-1" });
    await client.query("COMMIT");
  });
  assert.equal(await heard.promise, "rome");
  assert.equal(await local.promise, "rome");
  while ((await system.ref(Desk, "d").ask(Desk.told)).length === 0);
  assert.deepEqual(await system.ref(Desk, "d").ask(Desk.told), ["rome"]);
});

postgresTest("within: a transaction that stays open makes nobody wait", async (given) => {
  await inShop(given, async ({ system, store, client, told, until, commit }) => {
    await client.query("BEGIN");
    await store.within(client).ref(Order, "ada").tell(Order.placed, "open");
    await store.within(client).publish(Order.shipped, { to: "rome" });
    await system.ref(Order, "ada").tell(Order.placed, "beside");
    assert.deepEqual(await told("ada"), ["beside"]);
    await withDatabase(given.url, async (other) => {
      await other.query("BEGIN");
      await store.within(other).ref(Order, "ada").tell(Order.placed, "other");
      await other.query("COMMIT");
    });
    assert.deepEqual(await until("ada", 2), ["beside", "other"]);
    await client.query("COMMIT");
    assert.deepEqual(await until("ada", 3), ["beside", "other", "open"]);
    await commit(async (tx) => {
      await tx.ref(Order, "ada").tell(Order.placed, "late", { afterMs: 30 });
    });
    await until("ada", 4);
  });
});

postgresTest("within: who uses the id of an open transaction is refused, and nobody else", async (given) => {
  await inShop(given, async ({ system, store, client, until }) => {
    await client.query("BEGIN");
    await store.within(client).ref(Order, "ada").tell(Order.placed, "once", { id: "bill-7" });
    const repeat = () => system.ref(Order, "ada").tell(Order.placed, "once", { id: "bill-7" });
    const refused = failureOf(repeat);
    const beside = Array.from(
      { length: 20 },
      (_, n) => system.ref(Order, `b${n}`).tell(Order.placed, "x", { id: "y" }),
    );
    await Promise.all(beside);
    assert.match(await refused, /store-unavailable: .* as if an open transaction uses the same id/);
    await client.query("COMMIT");
    await repeat();
    assert.deepEqual(await until("ada", 1), ["once"]);
  });
});

postgresTest(
  "within: of several systems on the store each message has one effect, and no entry is left",
  async (given) => {
    await inShop(given, async ({ commit, until, client, store }) => {
      await using _second = new System({ actors: [order, desk], store });
      await using front = new System({ actors: [], peers: [Order], store });
      await Promise.all([_second, front].map((system) => system.ready()));
      for (let round = 0; round < 10; round++) {
        await commit(async (tx) => {
          for (const key of ["a", "b", "c"]) {
            for (let n = 0; n < 3; n++) await tx.ref(Order, key).tell(Order.placed, `${round}.${n}`);
          }
        });
      }
      const all = Array.from({ length: 30 }, (_, n) => `${Math.floor(n / 3)}.${n % 3}`);
      for (const key of ["a", "b", "c"]) assert.deepEqual(await until(key, 30), all);
      const left =
        `SELECT key FROM "${given.schema}".entries WHERE key LIKE 'index_~posted%' OR key LIKE 'mail%'`;
      while ((await client.query(left)).rows.length > 0);
    });
  },
);

postgresTest("within: what nobody hosts waits until a system does", async (given) => {
  await inShop(given, async ({ system, commit, store }) => {
    await commit((tx) => tx.ref(Order, "ada").tell(Order.placed, "early"));
    while (system.health.unhosted?.order?.waiting !== 1) await system.sweep();
    await using later = new System({ actors: [order], store });
    await later.ready();
    while ((await later.ref(Order, "ada").ask(Order.told)).length === 0);
    assert.deepEqual(await later.ref(Order, "ada").ask(Order.told), ["early"]);
  }, { actors: [desk] });
});

pooledTest("within: through a pooler in transaction mode", async (given) => {
  const url = await given.pooled("transaction");
  const pooled = { ...given, url };
  await inShop(pooled, async ({ commit, until, told }) => {
    await commit((tx) => tx.ref(Order, "ada").tell(Order.placed, "never"), "ROLLBACK");
    for (const text of ["a", "b", "c"]) {
      await commit(async (tx) => {
        await tx.ref(Order, "ada").tell(Order.placed, text, { id: text });
        await tx.ref(Order, "ada").tell(Order.placed, text, { id: text });
      });
    }
    assert.deepEqual(await until("ada", 3), ["a", "b", "c"]);
    assert.deepEqual(await told("bob"), []);
  }, { watch: "poll" });
});

for (const watch of ["listen", "poll"] as const) {
  postgresTest(
    `within: only transactions of which nobody looks notify, with ${watch}`,
    async ({ url, schema }) => {
      const store = postgres(url, { schema, watch });
      await withDatabase(url, async (listener) => {
        let notified = 0;
        hear(listener, ({ payload }) => notified += payload === "posted" ? 1 : 0);
        await listener.query(`LISTEN "posthorn_${schema}"`);
        await withDatabase(url, async (client) => {
          const send = async () => {
            await client.query("BEGIN");
            await store.within(client).ref(Order, "ada").tell(Order.placed, "x");
            await client.query("COMMIT");
          };
          await (await store.open({ clock: systemClock() })).close();
          await send();
          await send();
          await listener.query("SELECT 1");
          assert.equal(notified, 2, "nobody looks");
          await using system = new System({ actors: [order], store });
          const told = async (count: number) => {
            while ((await system.ref(Order, "ada").ask(Order.told)).length < count);
          };
          await told(2);
          await send();
          await told(3);
          const looked = `SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) - last_value < 300 AS now
            FROM "${schema}".looked`;
          const untilLooked = async () => {
            while (!(await client.query(looked)).rows[0].now);
          };
          await untilLooked();
          await listener.query("SELECT 1"); // what was sent before it looked has been heard of
          notified = 0;
          for (let count = 4; count < 8; count++) {
            await untilLooked();
            await send();
            await told(count);
          }
          await listener.query("SELECT 1");
          assert.equal(notified, 0, "it looks");
        });
      });
    },
  );
}

/** Calls a function with each notification that a client gets. */
function hear(client: Client, heard: (notification: { readonly payload: string }) => void): void {
  (client as Client & { on(event: "notification", hear: typeof heard): void }).on("notification", heard);
}
