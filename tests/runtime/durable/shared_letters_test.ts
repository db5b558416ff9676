// Dead letters of several instances: all list the same, none is lost by a failure, and a full list costs
// nothing at rest.

import assert from "node:assert/strict";
import { StoreError, System, TerminalError, TooLargeError } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { CountingStore } from "./counting.ts";
import {
  inMemory,
  kinds,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  sharedKinds,
  type Stage,
  Worker,
  worker,
  type WorkerContext,
} from "./durable_stage.ts";

const broken = {
  mend: () => {
    throw new TerminalError("Broken", { code: "broken" });
  },
};
const mended = { mend: (ctx: WorkerContext, text: string) => note(ctx, `mended ${text}`) };
const heartbeatMs = 2_100;

function idsOf({ deadLetters }: System): string[] {
  return deadLetters.list().map(({ id }) => id);
}

/** The dead letters that an instance lists. */
function seen(system: System) {
  const { total, size } = system.deadLetters;
  return { total, size, ids: idsOf(system) };
}

async function die(stage: Stage, system: System, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) await ref(system, "ada").tell(Worker.run, "mend it", { id });
  await stage.settle();
}

onEach(
  kinds,
  "a dead letter whose resend the store refuses stays listed, and is resent later",
  async (stage) => {
    let isBroken = true;
    const mends = {
      mend: (ctx: WorkerContext, text: string) => isBroken ? broken.mend() : mended.mend(ctx, text),
    };
    const system = await stage.start([worker(mends)]);
    await die(stage, system, "1", "2");
    isBroken = false;
    const store = stage.storeOf(system);
    store.refuse = () => new StoreError("store-unavailable", "The disk is away");
    await assert.rejects(async () => await system.deadLetters.resend("1"), { code: "store-unavailable" });
    assert.deepEqual(idsOf(system), ["1", "2"]);
    store.refuse = undefined;
    await stage.pass(3 * heartbeatMs);
    assert.deepEqual(idsOf(system), ["1", "2"]);
    await system.deadLetters.resend("1");
    await stage.settle();
    assert.deepEqual(idsOf(system), ["2"]);
    assert.deepEqual(await notesOf(system, "ada"), ["mended it"]);
    await stage.kill(system);
    assert.deepEqual(idsOf(await stage.start([worker(mended)])), ["2"]);
  },
);

onEach(kinds, "a dead letter whose deadline has passed is handled when it is resent", async (stage) => {
  let opens = () => {};
  const opened = new Promise<void>((resolve) => opens = resolve);
  const system = await stage.start([worker({ hold: () => opened, ...mended })]);
  await ref(system, "ada").tell(Worker.run, "hold");
  await ref(system, "ada").tell(Worker.run, "mend it", { id: "late", timeoutMs: 500 });
  await stage.pass(1_000);
  opens();
  await stage.settle();
  const [{ reason, message, attempts }] = system.deadLetters.list();
  assert.deepEqual([reason, attempts], ["deadline", 0]);
  assert.equal(message, "worker/ada run was not started before its deadline");
  await system.deadLetters.resend("late");
  await stage.settle();
  assert.deepEqual(await notesOf(system, "ada"), ["mended it"]);
  assert.deepEqual(idsOf(system), []);
});

onEach(
  kinds,
  "one whose first attempt ran when its deadline passed is not said never to have begun",
  async (stage) => {
    const system = await stage.start([worker({
      slow: async (ctx) => {
        await new Promise((_, reject) =>
          ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))
        );
      },
    })]);
    await ref(system, "ada").tell(Worker.run, "slow", { timeoutMs: 500 });
    await stage.pass(5_000);
    const [{ reason, message, attempts }] = system.deadLetters.list();
    assert.deepEqual([reason, attempts], ["deadline", 1]);
    assert.match(message, /was not done before its deadline, after 1 attempt$/);
  },
);

Deno.test("in memory: one whose first attempt ran when its deadline passed is not said never to have begun", async () => {
  const clock = new VirtualClock();
  await using system = new System({
    clock,
    log: false,
    actors: [worker({
      slow: async (ctx) => {
        await new Promise((_, reject) =>
          ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))
        );
      },
    })],
  });
  await ref(system, "ada").tell(Worker.run, "slow", { timeoutMs: 500 });
  await clock.advance(5_000);
  const [{ reason, message, attempts }] = system.deadLetters.list();
  assert.deepEqual([reason, attempts], ["deadline", 1]);
  assert.match(message, /was not done before its deadline, after 1 attempt$/);
});

onEach(sharedKinds, "all instances list the same, and count it, within a heartbeat", async (stage) => {
  const first = await stage.start([worker(broken)]);
  await die(stage, first, "1", "2");
  const second = await stage.start([worker(broken)]);
  await stage.pass(heartbeatMs);
  await die(stage, second, "3");
  await stage.pass(heartbeatMs);
  for (const system of [first, second]) {
    assert.deepEqual(seen(system), { total: 3, size: 3, ids: ["1", "2", "3"] });
  }
});

onEach(
  sharedKinds,
  "what one instance sends again leaves the list of the others at their next heartbeat",
  async (stage) => {
    const first = await stage.start([worker(broken)]);
    const second = await stage.start([worker(mended)]);
    await die(stage, first, "1", "2", "3");
    await stage.pass(heartbeatMs);
    assert.deepEqual(idsOf(second), ["1", "2", "3"]);
    await first.stop();
    const third = await stage.start([worker(mended)]);
    await second.deadLetters.resend("2");
    await stage.pass(heartbeatMs);
    assert.deepEqual([idsOf(second), idsOf(third)], [["1", "3"], ["1", "3"]]);
    assert.deepEqual([second.deadLetters.size, third.deadLetters.size], [2, 2]);
    await assert.rejects(async () => await third.deadLetters.resend("2"), { code: "unknown-dead-letter" });
  },
);

inMemory(
  "a letter that another instance resent leaves the list even if the store accepts less than it states",
  async (stage) => {
    const second = await stage.start([worker(broken)]);
    await die(stage, second, ...Array.from({ length: 25 }, (_, index) => `${index}`));
    const first = await stage.start([worker(mended)]);
    stage.storeOf(second).refuse = (parts) =>
      parts.length > 10 ? new TooLargeError("parts", "checks", parts.length, 10) : undefined;
    await first.deadLetters.resend("7");
    await stage.pass(heartbeatMs);
    assert.equal(second.deadLetters.size, 24);
  },
);

onEach(
  sharedKinds,
  "a dead letter that another instance has resent is removed from the list by an attempt to resend it",
  async (stage) => {
    const [first, second] = [await stage.start([worker(broken)]), await stage.start([worker(mended)])];
    await die(stage, first, "1", "2");
    await stage.pass(heartbeatMs);
    await second.deadLetters.resend("1");
    await assert.rejects(async () => await first.deadLetters.resend("1"), { code: "unknown-dead-letter" });
    assert.deepEqual(idsOf(first), ["2"]);
  },
);

inMemory("two dead letters with one id can be resent at the same time", async (stage) => {
  let fails = true;
  const system = await stage.start([
    worker({ mend: (ctx, text) => fails ? broken.mend() : note(ctx, text) }),
  ]);
  await ref(system, "ada").tell(Worker.run, "mend ada", { id: "same" });
  await ref(system, "bob").tell(Worker.run, "mend bob", { id: "same" });
  await stage.settle();
  fails = false;
  await Promise.all([system.deadLetters.resend("same"), system.deadLetters.resend("same")]);
  await stage.settle();
  assert.deepEqual([await notesOf(system, "ada"), await notesOf(system, "bob")], [["ada"], ["bob"]]);
});

inMemory(
  "a full list of dead letters costs nothing at rest, and one more costs one eviction",
  async (stage) => {
    const store = new CountingStore(stage.store);
    const options = { store, limits: { deadLetters: 300 } };
    const [first, second] = [
      await stage.start([worker(broken)], options),
      await stage.start([worker(broken)], options),
    ];
    const large = `mend ${"x".repeat(10_000)}`;
    for (let n = 0; n < 310; n++) await ref(first, "ada").tell(Worker.run, large, { id: `${n}` });
    await stage.pass(6 * heartbeatMs);
    store.begin();
    await stage.pass(10 * heartbeatMs);
    assert.ok(store.calls.bytes < 20_000, `${store.calls.bytes} bytes were read at rest`);
    const callsAtRest = { ...store.calls };
    store.begin();
    await ref(first, "ada").tell(Worker.run, large, { id: "one-more" });
    await stage.pass(10 * heartbeatMs);
    const more = store.calls.rows - callsAtRest.rows;
    assert.ok(more < 20, `${more} rows for one more`); // each instance reads it, for three heartbeats, and one looks for what is over
    for (const system of [first, second]) {
      assert.equal(system.deadLetters.size, 300);
      assert.equal(idsOf(system).at(-1), "one-more");
    }
    const connection = await stage.store.open({ clock: stage.clock });
    assert.equal((await connection.list({ prefix: "dead", limit: 1_000 })).length, 300);
    await connection.close();
  },
);

inMemory(
  "the bound of dead letters holds for all instances together, also a lower one and after a crash",
  async (stage) => {
    const options = { limits: { deadLetters: 20 } };
    const systems = [
      await stage.start([worker(broken)], options),
      await stage.start([worker(broken)], options),
      await stage.start([worker(broken)], options),
    ];
    for (let n = 0; n < 60; n++) {
      await ref(systems[n % 3], `k${n}`).tell(Worker.run, "mend it", {
        id: `${n}`,
      });
    }
    await stage.pass(2 * heartbeatMs);
    const connection = await stage.store.open({ clock: stage.clock });
    const rows = async () => (await connection.list({ prefix: "dead", limit: 1_000 })).length;
    assert.equal(await rows(), 20);
    const store = stage.storeOf(systems[0]);
    store.refuse = (parts) =>
      parts.every(({ writes }) => writes.length === 0)
        ? new StoreError("store-unavailable", "Away")
        : undefined;
    for (let n = 0; n < 5; n++) {
      await ref(systems[0], `k${n}`).tell(Worker.run, "mend it", {
        id: `more-${n}`,
      });
    }
    await stage.settle();
    assert.ok(await rows() > 20);
    await stage.kill(systems[0]);
    await stage.pass(missedMs);
    assert.equal(await rows(), 20);
    for (const system of systems.slice(1)) await stage.kill(system);
    const lower = await stage.start([worker(broken)], { limits: { deadLetters: 5 } });
    await stage.pass(2 * heartbeatMs);
    assert.equal(await rows(), 5);
    assert.deepEqual(idsOf(lower).toSorted(), ["more-0", "more-1", "more-2", "more-3", "more-4"]);
    await connection.close();
  },
);

inMemory(
  "the bound holds where instances let go of different ones, since each wrote before it read the other's",
  async (stage) => {
    const capacity = 20;
    const options = { limits: { deadLetters: capacity } };
    const systems = [
      await stage.start([worker(broken)], options),
      await stage.start([worker(broken)], options),
    ];
    for (let round = 0; round < 20; round++) {
      // it learns of both kinds when the other has evicted some
      stage.storeOf(systems[round % 2]).refuseLists = "dead";
      for (let n = 0; n < 10; n++) {
        const id = `${round}-${n}`;
        await ref(systems[n % 2], id).tell(Worker.run, "mend it", { id });
      }
      await stage.settle();
      stage.storeOf(systems[round % 2]).refuseLists = undefined;
      await stage.pass(heartbeatMs);
    }
    await stage.pass(3 * heartbeatMs);
    const connection = await stage.store.open({ clock: stage.clock });
    const rows = (await connection.list({ prefix: "dead", limit: 1_000 })).length;
    assert.ok(rows >= capacity && rows <= capacity * 1.1, `${rows} rows`);
    assert.deepEqual(systems.map(({ deadLetters }) => deadLetters.total), [200, 200]);
    await connection.close();
  },
);

inMemory("an unreadable dead letter hides no other", async (stage) => {
  const first = await stage.start([worker(broken)]);
  await die(stage, first, "1");
  await first.stop();
  const connection = await stage.store.open({ clock: stage.clock });
  const [row] = await connection.list({ prefix: "dead", limit: 10 });
  const value = new TextEncoder().encode("no letter");
  await connection.commit([{ checks: [], writes: [{ key: `${row.key}0`, value }], removals: [] }]);
  const second = await stage.start([worker(broken)]);
  await die(stage, second, "2");
  await stage.pass(heartbeatMs);
  assert.deepEqual(idsOf(second), ["1", "2"]);
  await connection.close();
});
