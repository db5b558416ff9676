// Which instance accepted from which shard of the broker, as the store knows it.

import assert from "node:assert/strict";
import type { System } from "@posthorn/posthorn";
import { observeStore } from "@posthorn/posthorn/store";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import { sourceKey } from "../../../../runtime/durable/rows/keys.ts";
import { decodeValue, encodeValue } from "../../../../runtime/durable/rows/value_codec.ts";
import { additions, delivered, reader, settled, tenureOf } from "../../remote/intake_stage.ts";
import { ledger, Order, order as shopOrder, Services } from "../../remote/services.ts";
import { inMemory, onEach, sharedKinds, type Stage } from "../durable_stage.ts";

/** Changes the row of a shard of the inbox. */
async function change(stage: Stage, shard: string, changed: object): Promise<void> {
  const connection = await stage.store.open({ clock: stage.clock });
  const [row] = await connection.read([sourceKey("inbox:order", shard)]);
  const value = encodeValue({ ...decodeValue<object>(row!.value).head, ...changed }, "");
  const write = { key: row!.key, value, oldBytes: row!.value.length };
  await connection.commit([{ checks: [], writes: [write], removals: [] }]);
  await connection.close();
}

onEach(sharedKinds, "each shard is listed under the instance that accepted from it last", async (stage) => {
  const [first, second] = [await reader(stage), await reader(stage)];
  const [one, other] = [first.open.session.instance, second.open.session.instance];
  const zero = tenureOf("orders/0");
  const [before, log] = [tenureOf("orders/1"), tenureOf("market é", "first")];
  const receiving = first.receiver();
  await receiving.begin(zero);
  await receiving.begin(before);
  assert.deepEqual(await second.system.observe.tenures(), { items: [] }, "nothing was accepted yet");
  const startMs = stage.clock.now();
  await receiving.take(additions(["a"]), zero);
  await receiving.take(additions(["b"], { key: "bob" }), before);
  await stage.pass(5_000);
  const following = second.receiver(settled);
  await following.begin(log);
  const events = ["c", "d"].map((text, index) => delivered("settled", text, { id: text, position: index }));
  await following.take(events, log);

  const { items } = await first.system.observe.tenures();
  const inbox = { channel: "inbox:order", instance: one, acceptedMs: startMs };
  assert.deepEqual(items, [
    {
      channel: "event:market.settled",
      shard: "market é",
      instance: other,
      acceptedMs: startMs + 5_000,
      position: 1,
    },
    { ...inbox, shard: "orders/0" },
    { ...inbox, shard: "orders/1" },
  ]);
  const { next, items: page } = await second.system.observe.tenures({ limit: 2 });
  assert.deepEqual(page, items.slice(0, 2));
  assert.deepEqual(await second.system.observe.tenures({ after: next }), { items: items.slice(2) });
  await using observation = await observeStore(stage.store, { clock: stage.clock });
  assert.deepEqual(await observation.tenures(), { items });

  const after = tenureOf("orders/1");
  const taking = second.receiver();
  await taking.begin(after);
  await taking.take(additions(["e"], { key: "bob" }), after);
  const taken = (await first.system.observe.tenures()).items[2];
  assert.deepEqual([taken.shard, taken.instance], ["orders/1", other]);
  assert.ok(taken.acceptedMs! >= startMs + 5_000, "it was accepted later");
});

inMemory(
  "parts of a row that have another type leave it out, and the rest of the list stays",
  async (stage) => {
    const { receiver, system } = await reader(stage);
    const receiving = receiver();
    for (const shard of ["0", "1", "2", "\ud800"]) {
      const tenure = tenureOf(shard);
      await receiving.begin(tenure);
      await receiving.take(additions([shard], { key: shard }), tenure);
    }
    const shards = async () => (await system.observe.tenures()).items.map(({ shard }) => shard);
    const { items: [{ instance }] } = await system.observe.tenures();
    for (const changed of [{ token: 5 }, { token: "" }, { token: "-1" }, { place: 5 }, { position: "1" }]) {
      const read = { token: `${instance}-1`, place: undefined, position: undefined };
      await change(stage, "1", { ...read, ...changed });
      assert.deepEqual(await shards(), ["%ud800", "0", "2"], JSON.stringify(changed));
      assert.equal((await system.observe.tenures()).unreadable, 1);
      assert.equal((await system.observe.tenures({ limit: 3 })).items.length, 2);
    }
    await change(stage, "1", { token: `${instance}-1`, place: "no time", position: undefined });
    const { items, unreadable } = await system.observe.tenures();
    assert.deepEqual([items[2], unreadable], [{ channel: "inbox:order", shard: "1", instance }, undefined]);
  },
);

Deno.test("over a broker a shard is listed under a process that has ended, until another one accepts of it", async () => {
  await using services = new Services();
  const broker = memoryBroker({ reads: "log", shards: 2 });
  const shop = { store: memoryStore(), transport: memoryTransport({ broker, expose: [Order.add] }) };
  const one = await services.start("shop", [shopOrder()], shop);
  const other = await services.start("shop", [shopOrder()], shop);
  const transport = memoryTransport({ broker });
  const books = await services.start("books", [ledger()], { transport, remote: [Order.add] });
  const send = async (...keys: readonly string[]) => {
    for (const key of keys) await services.during(books.ref(Order, key).tell(Order.add, key));
    await services.pass(1_000);
  };
  const listed = async () =>
    (await services.during(other.observe.tenures())).items.map(({ channel, instance, position }) => ({
      channel,
      instance,
      position,
    }));
  const nameOf = async (system: System) =>
    (await services.during(system.observe.instances())).items.find(({ own }) => own)!.instance;
  const [first, second] = [await nameOf(one), await nameOf(other)];

  await send("eve", "gus", "ada"); // the first two are in one shard
  const channel = "inbox:order";
  const [left, right] = [{ channel, instance: first, position: 1 }, {
    channel,
    instance: first,
    position: 0,
  }];
  assert.deepEqual(await listed(), [left, right], "the process that came first reads both");
  await services.during(one.stop({ drainMs: 0 }));
  await send("ada");
  assert.deepEqual(await listed(), [left, { channel, instance: second, position: 1 }]);
  assert.deepEqual(await services.during(books.observe.tenures()), { items: [] }, "it has no store");
});
