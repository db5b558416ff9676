// A store is asked without being part of a system: nothing is written, and no instance appears.

import assert from "node:assert/strict";
import type { Store } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { observeStore } from "@posthorn/posthorn/store";
import { encodeValue } from "../../../runtime/durable/rows/value_codec.ts";
import { proofKey } from "../../../runtime/durable/rows/keys.ts";
import { inMemory, localKinds, missedMs, onEach, ref, type Stage, Worker, worker } from "./durable_stage.ts";

/** Every key of the store. */
const keysOf = (stage: Stage) =>
  stage.keys(
    "actor",
    "mail",
    "index",
    "instance",
    "ended",
    "erased",
    "left",
    "mark",
    "reply",
    "timer",
    "schedule",
    "dead",
    "out",
  );

onEach(localKinds, "a store at rest is asked, and stays as it is", async (stage) => {
  const system = await stage.start([worker()]);
  await ref(system, "ada").tell(Worker.note, "one");
  await stage.settle();
  await system.stop();
  const before = await keysOf(stage);

  await using observation = await observeStore(stage.store, { clock: stage.clock });
  const { items } = await observation.actors({ protocol: "worker" });
  assert.deepEqual(items, [
    { protocol: "worker", key: "ada", waiting: { count: 0, more: false }, state: '["one"]' },
  ]);
  assert.deepEqual((await observation.instances()).items, []);
  const { items: [own] } = await observation.protocols();
  assert.deepEqual([own.protocol, own.hosted], ["worker", false]);
  await stage.pass(missedMs);
  assert.deepEqual(await keysOf(stage), before);
});

inMemory("a system is asked from outside while it runs, and does not notice", async (stage) => {
  const system = await stage.start([worker()]);
  await ref(system, "ada").tell(Worker.run, "unknown");
  await stage.settle();
  await using observation = await observeStore(stage.store, { clock: stage.clock });
  const { items: instances } = await observation.instances();
  assert.deepEqual(instances.map(({ hosts, own }) => [hosts, own]), [[["worker"], false]]);
  const inside = await system.observe.failing();
  assert.equal(inside.items[0].retry?.error, "no script unknown");
  assert.deepEqual(await observation.failing(), inside);
  assert.deepEqual(
    await observation.actor({ protocol: "worker", key: "ada" }),
    await system.observe.actor({ protocol: "worker", key: "ada" }),
  );
});

inMemory("mail that no instance hosts is found", async (stage) => {
  const system = await stage.start([worker()]);
  await ref(system, "ada").tell(Worker.run, "unknown");
  await stage.settle();
  assert.deepEqual((await system.observe.unhosted()).items, []);
  await stage.kill(system);
  await using observation = await observeStore(stage.store, { clock: stage.clock });
  const other = await stage.start([]);
  await stage.pass(missedMs);
  const { items } = await other.observe.unhosted();
  assert.deepEqual(items.map(({ protocol, hosted, waiting }) => [protocol, hosted, waiting.count]), [
    ["worker", false, 1],
  ]);
  assert.deepEqual(await observation.unhosted(), await other.observe.unhosted());
});

inMemory("a store of another format, or one that is being copied into, is not observed", async (stage) => {
  const connection = await stage.store.open({ clock: stage.clock });
  for (const format of [7, "copying"]) {
    const value = encodeValue({ instance: "i", atMs: 0, format, store: "s" }, "");
    await connection.commit([{ checks: [], writes: [{ key: proofKey, value }], removals: [] }]);
    await assert.rejects(observeStore(stage.store), { code: "unknown-format" });
  }
  await connection.close();
});

Deno.test("a store that does not open is a StoreError, and a wrong option a TypeError", async () => {
  const clock = new VirtualClock();
  const refusing = { traits: { name: "mine" }, open: () => Promise.reject(new Error("no such server")) };
  await assert.rejects(observeStore(refusing as unknown as Store, { clock }), {
    code: "store-unavailable",
    message: "Cannot observe mine: no such server",
  });
  await assert.rejects(observeStore(refusing as unknown as Store, { clok: clock } as object), TypeError);
  const opened = Promise.withResolvers<{ close(): Promise<void> }>();
  const silent = observeStore({ ...refusing, open: () => opened.promise } as unknown as Store, { clock });
  const refused = assert.rejects(silent, /mine: it did not answer within 15000 ms/);
  await clock.advance(15_000);
  await refused;
  const closed = Promise.withResolvers<void>();
  opened.resolve({ close: () => Promise.resolve(closed.resolve()) });
  await closed.promise;
});
