import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { AtomicPart, StoreConnection } from "../../../runtime/ports/store.ts";
import type { SimulatedFaults } from "../../../testing/simulation/faults.ts";
import { SimulatedStore, type SimulatedStoreOptions } from "../../../testing/simulation/store.ts";
import { storeConformance } from "../../../testing/conformance/conformance.ts";

/** Settles without the event loop, because in Deno 2.5 each of its turns takes a millisecond. */
class QuickClock extends VirtualClock {
  override async settle(): Promise<void> {
    for (let turns = 0; turns < 30; turns++) await Promise.resolve();
  }
}

/** Advances by itself as long as there are timers. */
class RunningClock extends QuickClock {
  #running = false;

  override setTimer(delayMs: number, callback: () => void): Cancel {
    const cancel = super.setTimer(delayMs, callback);
    if (!this.#running) this.#run();
    return cancel;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.waiting > 0) await this.advance(5);
    this.#running = false;
  }
}

const clock = new RunningClock();
for (const presence of [false, true]) {
  const conformance = storeConformance({
    clock,
    open() {
      const random = seededRandom(1);
      const store = new SimulatedStore({ clock, random, times: { latencyMsMax: 3 }, presence });
      return { store: store.instance("one") };
    },
  });
  const which = presence ? "simulated, with presence" : "simulated, without faults";
  for (const { name, skipped, run } of conformance) {
    Deno.test({ name: `${which}: ${name}`, ignore: skipped !== undefined, fn: run });
  }
}

Deno.test("a strict server refuses what it said that it takes, as such, and applies nothing", async () => {
  const bench = new Bench({}, {}, 1, { strict: { checks: 1 } });
  assert.equal(bench.store.instance("one").traits.limits.checks, 100);
  const connection = await bench.open("one");
  const checks = ["a", "b"].map((key) => ({ key, version: undefined }));
  const part = { checks, writes: [{ key: "a", value: new Uint8Array(1) }], removals: [] };
  await assert.rejects(bench.after(50, connection.commit([part])), { code: "too-large" });
  assert.deepEqual(bench.keys(), []);
});

Deno.test("how long a value is kept is counted from its commit, whatever the clock of its system says", async () => {
  const bench = new Bench({}, {});
  const { clock } = bench;
  const late: Clock = {
    now: () => clock.now() - 3_600_000,
    monotonicMs: () => clock.monotonicMs(),
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    macrotask: (callback) => clock.macrotask(callback),
    yield: (callback) => clock.yield(callback),
  };
  const connection = await bench.store.instance("one").open({ clock: late });
  const write = { key: "a", value: new Uint8Array(1), expiresAtMs: late.now() + 1_000 };
  await bench.after(50, connection.commit([{ checks: [], writes: [write], removals: [] }]));
  assert.deepEqual(bench.keys(), ["a"]);
  await bench.clock.advance(1_000);
  assert.deepEqual(bench.keys(), []);
});

Deno.test("the same seed gives the same run, with every fault on; another seed another one", async () => {
  const first = await storm(1);
  assert.deepEqual(await storm(1), first);
  assert.notDeepEqual((await storm(2)).trace, first.trace);
  const never = Object.entries(first.counts).filter(([, count]) => count === 0);
  assert.deepEqual(never, [], "these faults never happened");
});

Deno.test("without faults nothing goes wrong", async () => {
  const { counts, trace, log } = await storm(3, {});
  assert.ok(Object.values(counts).every((count) => count === 0));
  assert.ok(log.every(({ outcome }) => outcome === "known"));
  assert.ok(trace.every((line) => !line.includes("unknown") && !line.includes("store-")));
});

Deno.test("a counter with concurrent increments matches the log, whatever goes wrong", async () => {
  for (let seed = 10; seed < 20; seed++) {
    const { log, last, known } = await storm(seed);
    const raised = log.flatMap(({ parts }) => parts).filter(({ writes }) => writes.includes("count"));
    assert.equal(last, raised.length, `seed ${seed}`);
    assert.ok(known <= raised.length, `seed ${seed}`);
  }
});

Deno.test("conflict: a part whose check of a version holds is left out, one without such a check never", async () => {
  const bench = new Bench({});
  const connection = await bench.open("one");
  const [version] = await bench.after(10, connection.commit([puts("a")]));
  bench.store.faults = { conflict: 1 };
  const checks = [{ key: "a", version }];
  const parts = [{ ...puts("d"), checks }, puts("b"), { ...puts("e"), checks }, checked("c")];
  const versions = await bench.after(10, connection.commit(parts));
  assert.equal(versions[1], "v2");
  assert.equal(versions[3], "v2", "what checks that nothing is there");
  assert.ok(versions[0] === undefined || versions[2] === undefined);
  assert.equal(bench.store.counts.conflict, 1);
});

Deno.test("locked: nothing is committed, which is known", async () => {
  const bench = new Bench({ locked: 1 });
  const connection = await bench.open("one");
  await assert.rejects(bench.after(10, connection.commit([puts("a")])), {
    name: "StoreError",
    code: "store-unavailable",
  });
  assert.deepEqual([bench.keys(), bench.store.log], [[], []]);
});

Deno.test("full: for a while nothing is committed, until there is room again", async () => {
  const bench = new Bench({ full: 1 }, { fullMsMax: 1_000 });
  const connection = await bench.open("one");
  const failure = { name: "StoreError", code: "store-full" };
  await assert.rejects(bench.after(10, connection.commit([puts("a")])), failure);
  await assert.rejects(bench.after(10, connection.commit([puts("a")])), failure);
  assert.equal(bench.store.counts.full, 1);
  bench.store.faults = {};
  assert.deepEqual(await bench.after(10, connection.commit([puts("a")])), ["v1"]);
});

Deno.test("unknown: it landed, was lost, or lands later if its checks hold then", async () => {
  const unknown = { name: "OutcomeUnknownError", code: "outcome-unknown" };
  const landed = new Bench({ unknownLanded: 1 });
  await assert.rejects(landed.after(10, (await landed.open("one")).commit([puts("a")])), unknown);
  assert.deepEqual([landed.keys(), landed.store.log[0].outcome], [["a"], "unknown"]);

  const lost = new Bench({ unknownLost: 1 });
  await assert.rejects(lost.after(10, (await lost.open("one")).commit([puts("a")])), unknown);
  await lost.clock.advance(100_000);
  assert.deepEqual([lost.keys(), lost.store.log], [[], []]);

  const late = new Bench({ unknownLandsLate: 1 });
  const connection = await late.open("one");
  await assert.rejects(late.after(10, connection.commit([checked("a"), checked("b")])), unknown);
  assert.deepEqual(late.keys(), []);
  late.store.faults = {};
  await late.after(10, connection.commit([puts("b")]));
  await late.clock.advance(8_000);
  assert.deepEqual(
    late.store.log.map(({ outcome, parts }) => [outcome, parts.flatMap(({ writes }) => writes)]),
    [
      ["known", ["b"]],
      ["late", ["a"]],
    ],
  );
  assert.deepEqual(late.store.snapshot().map(({ key, version }) => [key, version]), [["a", "v2"], [
    "b",
    "v1",
  ]]);
});

Deno.test("landedStale: it is there, and what checks what it changes is said to be stale", async () => {
  const bench = new Bench({ landedStale: 1 });
  const connection = await bench.open("one");
  const parts = [checked("a"), puts("b"), { ...nothing, checks: [{ key: "c", version: undefined }] }];
  assert.deepEqual(await bench.after(10, connection.commit(parts)), [undefined, "v2", "v2"]);
  assert.deepEqual(bench.store.snapshot().map(({ key, version }) => [key, version]), [["a", "v1"], [
    "b",
    "v2",
  ]]);
  assert.equal(bench.store.counts.landedStale, 1);
});

Deno.test("slow: a call takes seconds", async () => {
  const bench = new Bench({ slow: 1 }, { slowMsMax: 5_000 });
  const connection = await bench.open("one");
  const beganMs = bench.clock.now();
  await bench.after(6_000, connection.read(["a"]).then(() => assert.ok(bench.clock.now() - beganMs > 100)));
});

Deno.test("unreadable: reads and lists fail, which changes nothing", async () => {
  const bench = new Bench({ unreadable: 1 });
  const connection = await bench.open("one");
  const failure = { name: "StoreError", code: "store-unavailable" };
  await assert.rejects(bench.after(10, connection.read(["a"])), failure);
  await assert.rejects(bench.after(10, connection.list({ prefix: "", limit: 1 })), failure);
});

Deno.test("readApart: keys of one read are of different moments; without it of one", async () => {
  const torn = async (faults: SimulatedFaults) => {
    let times = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const bench = new Bench(faults, {}, seed);
      const [writer, reader] = [await bench.open("one"), await bench.open("two")];
      const [, stored] = await bench.after(
        20,
        Promise.all([writer.commit([puts("a", "b")]), reader.read(["a", "b"])]),
      );
      if (stored[0]?.version !== stored[1]?.version) times++;
    }
    return times;
  };
  assert.equal(await torn({}), 0);
  assert.ok(await torn({ readApart: 1 }) > 0);
});

Deno.test("listBatch: a list is of one moment, but that may be over when it arrives", async () => {
  let old = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const bench = new Bench({ listBatch: 1 }, { latencyMsMin: 5 }, seed);
    const [writer, reader] = [await bench.open("one"), await bench.open("two")];
    let committed = false;
    const committing = writer.commit([puts("a", "b")]).then(() => committed = true);
    const [, [listed, wasCommitted]] = await bench.after(
      20,
      Promise.all([
        committing,
        reader.list({ prefix: "", limit: 9 }).then((list) => [list.length, committed]),
      ]),
    );
    assert.ok(listed === 0 || listed === 2);
    if (listed === 0 && wasCommitted) old++;
  }
  assert.ok(old > 0);
});

Deno.test("watch: calls others, not if it is lost, and once for many if it is coalesced", async () => {
  const heard = async (faults: SimulatedFaults) => {
    const bench = new Bench(faults);
    const [writer, watcher] = [await bench.open("one"), await bench.open("two")];
    let [own, others] = [0, 0];
    writer.watch(() => own++);
    const watch = watcher.watch(() => others++);
    for (let times = 0; times < 5; times++) {
      await bench.after(10, writer.commit([{ ...puts("a"), rings: true }]));
      await bench.after(10, writer.commit([puts("a")]));
    }
    await bench.clock.advance(10_000);
    watch[Symbol.dispose]();
    await bench.after(10, writer.commit([{ ...puts("a"), rings: true }]));
    await bench.clock.advance(10_000);
    assert.equal(own, 0);
    return others;
  };
  assert.equal(await heard({}), 5);
  assert.equal(await heard({ watchLost: 1 }), 0);
  const coalesced = await heard({ watchCoalesced: 1 });
  assert.ok(coalesced >= 1 && coalesced < 5, String(coalesced));
});

Deno.test("lazyExpiry: what has expired is there for a while; without it, it is gone", async () => {
  const counts = async (faults: SimulatedFaults) => {
    const bench = new Bench(faults);
    const connection = await bench.open("one");
    const expiresAtMs = bench.clock.now() + 100;
    const writes = Array.from(
      { length: 50 },
      (_, n) => ({ key: `k${n}`, value: new Uint8Array(1), expiresAtMs }),
    );
    await bench.after(10, connection.commit([{ ...nothing, writes }]));
    const seen = [bench.keys().length];
    for (const ms of [100, 30_000, 30_000]) {
      await bench.clock.advance(ms);
      seen.push(bench.keys().length);
    }
    const list = bench.after(10, connection.list({ prefix: "", limit: 100 }));
    assert.equal((await list).length, seen.at(-1));
    return seen;
  };
  assert.deepEqual(await counts({}), [50, 0, 0, 0]);
  const [all, soon, later, atLast] = await counts({ lazyExpiry: 1 });
  assert.deepEqual([all, atLast], [50, 0]);
  assert.ok(soon > 40 && later > 0 && later < soon);
});

Deno.test("a crash: no answer, no notification, and nothing is applied except what crashLands selects", async () => {
  for (const [faults, keys] of [[{}, ["before"]], [{ crashLands: 1 }, ["before", "under way"]]] as const) {
    const bench = new Bench(faults, { latencyMsMin: 10, latencyMsMax: 10 });
    const instance = bench.store.instance("one");
    const connection = await instance.open({ clock: bench.clock });
    const other = await bench.open("two");
    await bench.after(10, connection.commit([puts("before")]));
    let calls = 0;
    const count = () => void calls++;
    connection.watch(count);
    connection.commit([puts("under way")]).then(count, count);
    connection.read(["before"]).then(count, count);
    instance.crash();
    connection.commit([puts("after")]).then(count, count);
    await bench.after(10, other.commit([{ ...puts("before"), rings: true }]));
    await bench.clock.advance(60_000);
    assert.deepEqual([bench.keys(), calls], [[...keys], 0]);
    await connection.close();
    const again = await instance.open({ clock: bench.clock });
    assert.equal(
      (await bench.after(10, again.read(["before"])))[0]?.version,
      bench.store.snapshot()[0].version,
    );
  }
});

Deno.test("a pause: answers and notifications come after it, in order", async () => {
  const bench = new Bench({});
  const instance = bench.store.instance("one");
  const connection = await instance.open({ clock: bench.clock });
  const other = await bench.open("two");
  const heard: string[] = [];
  connection.watch(() => heard.push("bell"));
  const committing = connection.commit([puts("a")]).then(() => heard.push("commit"));
  instance.pause();
  await bench.clock.advance(1_000);
  await bench.after(10, other.commit([{ ...puts("b"), rings: true }]));
  await bench.clock.advance(1_000);
  assert.deepEqual([heard, bench.keys()], [[], ["a", "b"]]);
  instance.resume();
  await committing;
  assert.deepEqual(heard.toSorted(), ["bell", "commit"]);
});

Deno.test("it refuses what its limits do not allow, and what real stores would do otherwise", async () => {
  const bench = new Bench({}, {}, 1, { limits: { checks: 2, valueBytes: 100, bytes: 2_000, keyBytes: 10 } });
  const connection = await bench.open("one");
  const big = { ...nothing, writes: [{ key: "a", value: new Uint8Array(2_000) }] };
  await assert.rejects(connection.commit([big]), { code: "too-large" });
  await assert.rejects(connection.commit([checked("a", "b"), checked("c")]), { code: "too-large" });
  await assert.rejects(connection.commit([puts("a".repeat(11))]), { code: "too-large" });
  await assert.rejects(connection.commit([checked("a"), puts("a")]), TypeError);
  await assert.rejects(connection.list({ prefix: "", limit: 1_001 }), RangeError);
  assert.throws(() => bench.store.faults = { slow: 2 }, RangeError);
  assert.throws(() => bench.store.faults = { sloth: 1 } as SimulatedFaults, RangeError);
  assert.throws(() => new Bench({}, { lateMsMax: -1 }), RangeError);
});

Deno.test("it counts the pieces that a real store would never find again", async () => {
  const bench = new Bench({}, {}, 1, { limits: { valueBytes: 100 } });
  const connection = await bench.open("one");
  const write = (bytes: number, oldBytes?: number) => {
    const part = { ...nothing, writes: [{ key: "a", value: new Uint8Array(bytes), oldBytes }] };
    return bench.after(10, connection.commit([part]));
  };
  await write(450);
  await write(250, 450);
  assert.equal(bench.store.piecesLeft, 0);
  await write(10);
  assert.equal(bench.store.piecesLeft, 3);
  await write(250, 10);
  await bench.after(10, connection.commit([{ ...nothing, removals: [{ key: "a" }] }]));
  assert.equal(bench.store.piecesLeft, 6);
});

const nothing: AtomicPart = { checks: [], writes: [], removals: [] };

function puts(...keys: string[]): AtomicPart {
  return { ...nothing, writes: keys.map((key) => ({ key, value: new Uint8Array(1) })) };
}

function checked(...keys: string[]): AtomicPart {
  return { ...puts(...keys), checks: keys.map((key) => ({ key, version: undefined })) };
}

class Bench {
  readonly clock = new QuickClock();
  readonly store: SimulatedStore;

  constructor(
    faults: SimulatedFaults,
    times: SimulatedStoreOptions["times"] = {},
    seed = 1,
    options: Partial<SimulatedStoreOptions> = {},
  ) {
    this.store = new SimulatedStore({
      clock: this.clock,
      random: seededRandom(seed),
      faults,
      times,
      ...options,
    });
  }

  open(name: string): Promise<StoreConnection> {
    return this.store.instance(name).open({ clock: this.clock });
  }

  /** The outcome after this much time has passed. */
  async after<T>(ms: number, promise: Promise<T>): Promise<T> {
    promise.catch(() => {});
    await this.clock.advance(ms);
    return await promise;
  }

  keys(): string[] {
    return this.store.snapshot().map(({ key }) => key);
  }
}

const everything: SimulatedFaults = {
  conflict: 0.1,
  locked: 0.1,
  full: 0.02,
  unknownLanded: 0.1,
  unknownLost: 0.1,
  unknownLandsLate: 0.1,
  landedStale: 0.1,
  unreadable: 0.05,
  slow: 0.1,
  readApart: 0.3,
  listBatch: 0.5,
  watchLost: 0.3,
  watchCoalesced: 0.3,
  lazyExpiry: 0.5,
  crashLands: 0.5,
  sessionLost: 0.1,
  sessionStays: 0.5,
  serverRestarted: 0.02,
  presenceSilent: 0.1,
};

/** Three instances increment one counter for a minute, while they crash, pause and notify each other. */
async function storm(seed: number, faults = everything) {
  const clock = new QuickClock({ nowMs: 0 });
  const random = seededRandom(seed);
  const store = new SimulatedStore({ clock, random, faults, presence: true });
  const trace: string[] = [];
  let known = 0;
  const note = (what: string) => void trace.push(`${clock.now()} ${what}`);
  const instances = ["one", "two", "three"].map((name) => ({ name, store: store.instance(name) }));

  async function work({ name, store }: typeof instances[number]) {
    const connection = await store.open({ clock });
    connection.watch(() => note(`${name} hears`));
    const { presence } = connection;
    void presence!.hold(name);
    for (;;) {
      const others = instances.map((other) => other.name).filter((other) => other !== name);
      void presence!.gone(others).then((gone) => note(`${name} misses ${[...gone]}`));
      try {
        const [count] = await connection.read(["count", "other"]);
        const n = count?.value[0] ?? 0;
        const list = await connection.list({ prefix: "", limit: 5 });
        const value = new Uint8Array([n + 1]);
        const expiresAtMs = clock.now() + 1_000;
        const versions = await connection.commit([
          {
            ...nothing,
            checks: [{ key: "count", version: count?.version }],
            writes: [{ key: "count", value }],
          },
          { ...nothing, writes: [{ key: `note ${name}`, value, expiresAtMs }], rings: true },
        ]);
        if (versions[0] !== undefined) known++;
        note(`${name} ${n} ${list.map(({ key }) => key)} ${versions}`);
      } catch (error) {
        note(`${name} ${(error as { code?: string }).code}`);
      }
      await new Promise<void>((resolve) => clock.setTimer(random.next() * 400, resolve));
    }
  }

  for (const instance of instances) void work(instance);
  for (let ms = 0; ms < 60_000; ms += 500) {
    await clock.advance(500);
    const { store, name } = instances[Math.floor(random.next() * 3)];
    const draw = random.next();
    if (draw < 0.1) {
      note(`${name} crashes`);
      store.crash();
      void work({ store, name });
    } else if (draw < 0.3) store.pause();
    else store.resume();
  }
  for (const { store } of instances) store.crash();
  await clock.advance(60_000);
  const last = store.snapshot().find(({ key }) => key === "count")?.value[0];
  return { trace, log: store.log, counts: store.counts, last, known };
}
