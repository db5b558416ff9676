// Instances that share a store: failure detection, take-over, and their cost.

import assert from "node:assert/strict";
import { actor, protocol, type Store, type System, tell, unchecked } from "@posthorn/posthorn";
import type { AtomicPart, Entry, KeyRange, StoreConnection } from "@posthorn/posthorn/store";
import {
  endedKey,
  indexKey,
  indexPrefix,
  instanceKey,
  instancePrefix,
  unassigned,
} from "../../../runtime/durable/rows/keys.ts";
import {
  inMemory,
  missedMs,
  note,
  notesOf,
  onEach,
  ref,
  type Stage,
  stageOn,
  Worker,
  worker,
} from "./durable_stage.ts";

/** Overrides calls of a store. */
function changed(
  store: Store,
  change: (connection: StoreConnection) => Partial<StoreConnection>,
): Store {
  return {
    engine: store.engine,
    traits: store.traits,
    async open(services) {
      const connection = await store.open(services);
      const plain: StoreConnection = {
        read: (keys) => connection.read(keys),
        list: (range) => connection.list(range),
        commit: (parts) => connection.commit(parts),
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
      return { ...plain, ...change(connection) };
    },
  };
}

/** Counts the calls of one process, and the rows that they return. */
function counted(store: Store) {
  const counts = { reads: 0, lists: 0, rows: 0, adopting: 0, adoptingMax: 0 };
  const counting = changed(store, (connection) => ({
    read(keys) {
      counts.reads++;
      return connection.read(keys);
    },
    async list(range: KeyRange): Promise<Entry[]> {
      counts.lists++;
      const nobodys = range.prefix.startsWith(indexPrefix(unassigned)) ? 1 : 0;
      counts.adopting += nobodys;
      counts.adoptingMax = Math.max(counts.adoptingMax, counts.adopting);
      const rows = await connection.list(range);
      counts.adopting -= nobodys;
      counts.rows += rows.length;
      return rows;
    },
  }));
  return { counts, store: counting };
}

async function keysOf(stage: Stage, prefix: string): Promise<string[]> {
  const connection = await stage.store.open({ clock: stage.clock });
  const keys: string[] = [];
  for (let after: string | undefined = prefix; after !== undefined;) {
    const rows: Entry[] = await connection.list({ prefix, after, limit: 1_000 });
    keys.push(...rows.map(({ key }) => key));
    after = rows.length < 1_000 ? undefined : rows.at(-1)!.key;
  }
  await connection.close();
  return keys;
}

async function write(stage: Stage, keys: readonly string[], text = ""): Promise<void> {
  const connection = await stage.store.open({ clock: stage.clock });
  const value = new TextEncoder().encode(text);
  await connection.commit([{
    checks: [],
    writes: keys.map((key) => ({ key, value })),
    removals: [],
    rings: true,
  }]);
  await connection.close();
}

const writes = (parts: readonly AtomicPart[], space: string) =>
  parts.some(({ writes }) => writes.some(({ key }) => key.startsWith(`${space}\u001f`)));

// --- Heartbeats

inMemory("heartbeats continue however long other commits take", async (stage) => {
  const busy = await stage.start([worker()]);
  stage.storeOf(busy).hangs = (key) => key.startsWith("mail");
  for (let index = 0; index < 20; index++) {
    void ref(busy, `k${index}`).tell(Worker.note, "text").catch(() => {});
  }
  await stage.start([worker()]);
  await stage.pass(60_000);
  assert.deepEqual(await keysOf(stage, "ended\u001f"), []);
  assert.equal((await keysOf(stage, instancePrefix)).length, 2);
  const connection = await stage.store.open({ clock: stage.clock });
  for (const { value } of await connection.list({ prefix: instancePrefix, limit: 10 })) {
    const { beat } = JSON.parse(new TextDecoder().decode(value));
    assert.ok(beat >= 28, `${beat} heartbeats in 60 s`);
  }
  await connection.close();
  await stage.kill(busy);
});

inMemory(
  "a slow task of a heartbeat delays neither the next heartbeat nor its other tasks",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([worker({ wait: () => gate.promise })]);
    const second = await stage.start([
      worker({
        wait: () => {},
        set: (ctx) => ctx.schedule("tick", { everyMs: 5_000 }, ctx.self.at(Worker.note), "tick"),
      }),
    ]);
    stage.storeOf(second).hangs = (key) => key.startsWith("dead"); // all dead letters are read at a heartbeat
    await ref(second, "bob").tell(Worker.run, "set");
    await ref(first, "ada").tell(Worker.run, "wait");
    await ref(first, "ada").tell(Worker.note, "left behind");
    await stage.kill(first);
    await stage.pass(30_000);
    assert.deepEqual(await notesOf(second, "ada"), ["left behind"]);
    assert.ok((await notesOf(second, "bob") as string[]).length >= 5);
    assert.equal((await keysOf(stage, instancePrefix)).length, 1);
  },
);

inMemory(
  "an instance that was considered dead releases its actors, and continues under another name",
  async (stage) => {
    const runs: string[] = [];
    const at = (name: string) =>
      worker({
        later: (ctx) => {
          runs.push(name);
          if (runs.length === 1) throw new Error("not yet");
          note(ctx, name);
        },
      }, { retry: { baseMs: 30_000, maxMs: 30_000 } });
    const first = await stage.start([at("first")]);
    await ref(first, "ada").tell(Worker.run, "later"); // fails, and waits for its next attempt
    await ref(first, "bob").tell(Worker.note, "one");
    await stage.settle();
    const [name] = await keysOf(stage, instancePrefix);
    let mute = true;
    stage.storeOf(first).refuse = (parts) =>
      mute && writes(parts, "instance") ? new Error("not now") : undefined;
    const second = await stage.start([at("second")]);
    await stage.pass(missedMs);
    assert.ok((await keysOf(stage, "ended\u001f")).includes(name.replace("instance", "ended")));
    mute = false;
    await stage.pass(5_000);
    const names = await keysOf(stage, instancePrefix);
    assert.equal(names.length, 2);
    assert.ok(!names.includes(name), "its name is that of one that ended");
    assert.equal(first.stats().waiting, 0, "what waits is the other's");
    await ref(first, "bob").tell(Worker.note, "two");
    await stage.pass(60_000);
    assert.deepEqual(await notesOf(first, "ada"), ["second"]);
    assert.deepEqual(runs, ["first", "second"]);
    assert.deepEqual(await notesOf(second, "bob"), ["one", "two"]);
  },
);

inMemory(
  "an instance that was considered dead continues with messages that somebody here waits for",
  async (stage) => {
    const gate = Promise.withResolvers<void>();
    const first = await stage.start([worker({
      slow: async (ctx) => {
        await gate.promise;
        note(ctx, "slow");
      },
    })]);
    const asked = ref(first, "ada").ask(Worker.call, "slow", { timeoutMs: 120_000 });
    await stage.settle();
    let mute = true;
    stage.storeOf(first).refuse = (parts) =>
      mute && writes(parts, "instance") ? new Error("not now") : undefined;
    await stage.start([worker()]);
    await stage.pass(missedMs);
    mute = false;
    await stage.pass(10_000);
    gate.resolve();
    await asked;
    assert.deepEqual(await notesOf(first, "ada"), ["slow"]);
  },
);

// --- The cost of failure detection

inMemory("rows of thousands of instances that are no more hide no living one, and go", async (stage) => {
  const many = 2_500;
  const rows = Array.from(
    { length: many },
    (_, index) => instanceKey(`00${String(index).padStart(24, "0")}`),
  );
  await write(stage, rows, '{"beat":0}\n');
  const { counts, store } = counted(stage.store);
  let moved = 0;
  const gate = Promise.withResolvers<void>();
  const wait = worker({ wait: () => gate.promise });
  const first = await stage.start([wait], { store });
  const second = await stage.start([wait]);
  await ref(first, "ada").tell(Worker.run, "wait");
  await ref(second, "bob").tell(Worker.run, "wait");
  const takesOver = (parts: readonly AtomicPart[]) => {
    for (const { removals } of parts) moved += removals.filter(({ key }) => key.startsWith("index")).length;
    return undefined;
  };
  for (const system of [first, second]) stage.storeOf(system).refuse = takesOver;
  await stage.pass(30_000);
  assert.equal(moved, 0, "nothing of a living one is taken over");
  assert.equal((await keysOf(stage, instancePrefix)).length, 2);
  const before = { ...counts };
  await stage.pass(20_000);
  assert.ok(counts.rows - before.rows <= 60, `${counts.rows - before.rows} rows in 10 heartbeats`);
  gate.resolve();
});

/** Stops a system when it first writes a key of this kind, and counts how many of them it writes. */
function stoppingAt(kind: string, stage: Stage, system: System) {
  const seen: { count: number; stopped?: Promise<unknown> } = { count: 0 };
  stage.storeOf(system).refuse = (parts) => {
    seen.count += parts.flatMap(({ writes }) => writes.filter(({ key }) => key.startsWith(kind))).length;
    if (seen.count > 0) seen.stopped ??= system.stop();
    return undefined;
  };
  return seen;
}

inMemory(
  "an instance that stops leaves it to the others to record which instances crashed",
  async (stage) => {
    const rows = Array.from(
      { length: 900 },
      (_, index) => instanceKey(`00${String(index).padStart(24, "0")}`),
    );
    await write(stage, rows, '{"beat":0}\n');
    const seen = stoppingAt("ended", stage, await stage.start([worker()]));
    await stage.pass(missedMs);
    await seen.stopped;
    assert.equal(seen.count, stage.store.traits.partsAtOnce);
    assert.equal((await keysOf(stage, instancePrefix)).length, 900 - seen.count);
  },
);

inMemory("an instance that stops leaves it to the others to take over from the dead", async (stage) => {
  const waits = worker({ wait: () => new Promise<never>(() => {}) });
  const killed = await stage.start([waits]);
  for (let index = 0; index < 300; index++) await ref(killed, `a${index}`).tell(Worker.run, "wait");
  await stage.kill(killed);
  const seen = stoppingAt("index", stage, await stage.start([waits]));
  await stage.pass(missedMs);
  await seen.stopped;
  assert.ok(seen.count > 0 && seen.count <= 200, `${seen.count} of 300`);
});

inMemory("that an instance ended is known for a day, and its row is not there for longer", async (stage) => {
  const first = await stage.start([worker()]);
  const [name] = await keysOf(stage, instancePrefix);
  await stage.kill(first);
  const second = await stage.start([worker()]);
  const forMs: number[] = [];
  stage.storeOf(second).refuse = (parts) => {
    for (const { key, expiresAtMs } of parts.flatMap(({ writes }) => writes)) {
      if (key.startsWith("ended")) forMs.push(expiresAtMs! - stage.clock.now());
    }
    return undefined;
  };
  await stage.pass(missedMs);
  assert.deepEqual(await keysOf(stage, "ended\u001f"), [endedKey(name.slice(instancePrefix.length))]);
  assert.deepEqual(forMs, [86_400_000]);
});

const Sender = protocol("sender", { send: tell(unchecked<string>()) });
const Away = protocol("away", { hear: tell(unchecked<string>()) });

/** The number of heartbeats during the count. */
const heartbeats = 11;

/**
 * The reads of an instance that does not host `away` while a number of its actors have waiting messages,
 * through heartbeats and notifications.
 */
async function costOf(
  waiting: number,
  leftBy: string,
): Promise<{ reads: number; lists: number; rows: number }> {
  await using stage = await stageOn("memory");
  const keys = Array.from(
    { length: waiting },
    (_, index) => indexKey(leftBy, { protocol: "away", key: `k${index}` }),
  );
  for (let first = 0; first < keys.length; first += 500) await write(stage, keys.slice(first, first + 500));
  const { counts, store } = counted(stage.store);
  await stage.start([worker()], { store });
  await stage.pass(missedMs);
  const before = { ...counts };
  for (let bell = 0; bell < 20; bell++) {
    await write(stage, ["bell"]);
    await stage.pass(100, 100);
  }
  await stage.pass(heartbeats * 2_000);
  return {
    reads: counts.reads - before.reads,
    lists: counts.lists - before.lists,
    rows: counts.rows - before.rows,
  };
}

for (const leftBy of [unassigned, "00GONE"]) {
  const whose = leftBy === unassigned ? "nobody's" : "a dead instance's";
  Deno.test(`mail for a protocol that is not hosted here costs the same however much it is: ${whose}`, async () => {
    const [few, some, many] = await Promise.all([5, 300, 3_000].map((waiting) => costOf(waiting, leftBy)));
    assert.deepEqual(many, some);
    // Each heartbeat counts a few waiting actors, and the cost does not depend on their number.
    assert.ok(many.lists - few.lists <= 11 * heartbeats, `${many.lists} lists for ${few.lists}`);
    assert.equal(many.reads, few.reads);
    assert.ok(many.rows < 300, `${many.rows} rows`);
  });
}

onEach(
  ["memory"],
  "a notification costs one read, unless it is for a protocol that is hosted here",
  async (stage) => {
    const { counts, store } = counted(stage.store);
    await stage.start([worker()], { store });
    const sender = await stage.start([
      actor(Sender, {
        state: () => 0,
        on: {
          send: (ctx, to) => {
            if (to === "away") ctx.ref(Away, "k").tell(Away.hear, "text");
            else ctx.ref(Worker, to).tell(Worker.note, "text");
          },
        },
      }),
    ]);
    const send = async (to: string) => {
      const before = { ...counts };
      await sender.ref(Sender, "s").tell(Sender.send, to);
      await stage.settle();
      return { reads: counts.reads - before.reads, lists: counts.lists - before.lists };
    };
    await send("away");
    assert.deepEqual(await send("away"), { reads: 1, lists: 0 });
    assert.ok((await send("ada")).lists > 0);
    for (let bell = 0; bell < 10; bell++) void sender.ref(Sender, `s${bell}`).tell(Sender.send, "bob");
    await stage.settle();
    assert.equal(counts.adoptingMax, 1, "one listing waits for the one before");
  },
);

// --- Immediate failure detection

const seen = Deno.build.os === "linux";
for (
  const [name, run] of Object.entries({
    async "after a kill the next process goes on at once, without waiting for a heartbeat"(stage: Stage) {
      const first = await stage.start([worker({ wait: () => new Promise(() => {}) })]);
      await ref(first, "ada").tell(Worker.run, "wait");
      await ref(first, "ada").tell(Worker.note, "left");
      await stage.kill(first);
      const beforeMs = stage.clock.monotonicMs();
      const second = await stage.start([worker({ wait: () => {} })]);
      await stage.until("it is done", async () => (await notesOf(second, "ada") as string[]).length === 1);
      assert.equal(stage.clock.monotonicMs(), beforeMs);
      assert.equal(
        (await keysOf(stage, "ended\u001f")).length,
        1,
        "it is known that it ended without a word",
      );
    },
    async "after a kill another process goes on within a heartbeat, whichever was killed"(stage: Stage) {
      const wait = () => worker({ wait: () => new Promise(() => {}) });
      const systems: System[] = [];
      for (let index = 0; index < 4; index++) systems.push(await stage.start([wait()]));
      await stage.pass(4_000);
      for (let killed = 0; killed < 3; killed++) {
        const key = `k${killed}`;
        await ref(systems[killed], key).tell(Worker.note, "left");
        stage.storeOf(systems[killed]).refuse = () => new Error("not now");
        await ref(systems[3], key).tell(Worker.note, "before");
        await stage.kill(systems[killed]);
        await stage.pass(2_000, 500);
        assert.equal((await keysOf(stage, "ended\u001f")).length, killed + 1);
      }
    },
  })
) {
  Deno.test({
    name: `sqlite: ${name}`,
    ignore: !seen,
    async fn() {
      await using stage = await stageOn("sqlite");
      await run(stage);
    },
  });
}

inMemory("without presence in the store, missed heartbeats tell that an instance crashed", async (stage) => {
  const first = await stage.start([worker()]);
  await stage.kill(first);
  await stage.start([worker()]);
  assert.deepEqual(await keysOf(stage, "ended\u001f"), []);
  await stage.pass(missedMs);
  assert.equal((await keysOf(stage, "ended\u001f")).length, 1);
});
