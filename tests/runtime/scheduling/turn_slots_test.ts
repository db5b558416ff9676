// `concurrency`: at most so many turns of one protocol are awaited at once in a process.

import assert from "node:assert/strict";
import { actor, ask, DeadlockError, protocol, tell, unchecked } from "@posthorn/posthorn";
import fc from "fast-check";
import { TurnSlots } from "../../../runtime/scheduling/turn_slots.ts";
import {
  deadOf,
  note,
  notesOf,
  ref,
  type Scripts,
  Worker,
  worker,
  type WorkerContext,
} from "../durable/durable_stage.ts";
import { inEach, type World } from "../durable/worlds.ts";
import { stage, Walker, walker, type WalkerScript } from "../memory_stage.ts";

/** Handlers that wait until the test lets them go, and what is known of them. */
class Crowd {
  readonly #gates = new Map<string, () => void>();
  /** Who began, in order. */
  readonly began: string[] = [];
  running = 0;
  most = 0;

  readonly wait = async (ctx: WorkerContext, text: string): Promise<void> => {
    const name = text === "" ? ctx.key : `${ctx.key} ${text}`;
    this.began.push(name);
    this.most = Math.max(this.most, ++this.running);
    await new Promise<void>((resolve) => this.#gates.set(name, resolve));
    this.running--;
    note(ctx, name);
  };

  /** Ends one handler. */
  end(name: string): void {
    this.#gates.get(name)!();
    this.#gates.delete(name);
  }

  /** Ends whatever runs, until nothing is left. */
  async endAll(world: World): Promise<void> {
    while (this.#gates.size > 0) {
      for (const name of [...this.#gates.keys()]) this.end(name);
      await world.settle();
    }
  }
}

const traits = { concurrency: 2, retry: { attempts: 1 }, onFailure: "resume" } as const;

async function started(world: World, scripts: Scripts = {}, more: object = {}) {
  const crowd = new Crowd();
  const system = await world.start([worker({ wait: crowd.wait, ...scripts }, { ...traits, ...more })]);
  const tellAll = async (...keys: string[]) => {
    for (const key of keys) {
      void ref(system, key).tell(Worker.run, "wait");
      await world.settle();
    }
  };
  return { crowd, system, tellAll };
}

inEach("no more turns of a protocol are awaited at once than its concurrency allows", async (world) => {
  const { crowd, system, tellAll } = await started(world);
  await tellAll("a", "b", "c", "d", "e");
  assert.deepEqual(crowd.began, ["a", "b"]);
  assert.deepEqual(system.stats().protocols.worker.turns, { running: 2, waiting: 3 });
  await crowd.endAll(world);
  assert.deepEqual(crowd.began, ["a", "b", "c", "d", "e"]);
  assert.equal(crowd.most, 2);
  assert.deepEqual(system.stats().protocols.worker.turns, { running: 0, waiting: 0 });
  assert.equal(system.stats().running, 0);
});

inEach(
  "actors that wait for a turn get it in the order in which they came, also if a busy one comes again",
  async (world) => {
    const { crowd, system, tellAll } = await started(world, {}, { concurrency: 1 });
    for (const text of ["1", "2", "3"]) void ref(system, "busy").tell(Worker.run, `wait ${text}`);
    await world.settle();
    await tellAll("b", "c");
    const order: string[] = [];
    for (let n = 0; n < 5; n++) {
      order.push(crowd.began.at(-1)!);
      crowd.end(crowd.began.at(-1)!);
      await world.settle();
    }
    assert.deepEqual(order, ["busy 1", "b", "c", "busy 2", "busy 3"]);
  },
);

inEach("a protocol without a limit is not held up by one whose turns all wait", async (world) => {
  const Other = protocol("other", { double: ask(unchecked<number>(), unchecked<number>()) });
  const other = actor(Other, {
    state: () => 0,
    on: { double: async (_, n) => await Promise.resolve(2 * n) },
  });
  const crowd = new Crowd();
  const system = await world.start([worker({ wait: crowd.wait }, { ...traits, concurrency: 1 }), other]);
  for (const key of ["a", "b"]) void ref(system, key).tell(Worker.run, "wait");
  await world.settle();
  const answer = system.ref(Other, "x").ask(Other.double, 21);
  await world.settle();
  assert.equal(await answer, 42);
  assert.equal(system.stats().protocols.other.turns, undefined);
  await crowd.endAll(world);
});

inEach("turns that return at once pass one slot on, however many there are", async (world) => {
  const { crowd, system, tellAll } = await started(world, {}, { concurrency: 1 });
  await tellAll("a");
  for (let n = 0; n < 20; n++) void ref(system, `s${n}`).tell(Worker.note, "at once");
  await tellAll("b");
  crowd.end("a");
  await world.settle();
  assert.deepEqual(crowd.began, ["a", "b"]);
  await crowd.endAll(world);
  for (let n = 0; n < 20; n++) {
    const notes = notesOf(system, `s${n}`);
    await world.settle();
    assert.deepEqual(await notes, ["at once"]);
  }
});

inEach("a message for an actor that waits for a turn is accepted at once", async (world) => {
  const { crowd, system, tellAll } = await started(world, {}, { concurrency: 1 });
  void ref(system, "b").tell(Worker.note, "0"); // its handler is known to return at once
  await world.settle();
  await tellAll("a");
  for (const text of ["1", "2"]) {
    let accepted = false;
    void ref(system, "b").tell(Worker.note, text).then(() => accepted = true);
    await world.settle();
    assert.equal(accepted, true);
  }
  await crowd.endAll(world);
  const notes = notesOf(system, "b");
  await world.settle();
  assert.deepEqual(await notes, ["0", "1", "2"]);
});

inEach("a handler that fails, or whose time is up, makes room for the next", async (world) => {
  const scripts: Scripts = {
    fail: () => Promise.reject(new Error("boom")),
    hang: () => new Promise<never>(() => {}),
  };
  const { crowd, system } = await started(world, scripts, { concurrency: 1, turnMs: 1_000 });
  for (const [key, script] of [["a", "fail"], ["b", "hang"], ["c", "wait"]]) {
    void ref(system, key).tell(Worker.run, script);
    await world.settle();
  }
  for (let step = 0; step < 50 && crowd.began.length === 0; step++) await world.pass(100, 100);
  assert.deepEqual(crowd.began, ["c"]);
  assert.deepEqual(deadOf(system), ["a run: failed", "b run: turn-timeout"]);
  await crowd.endAll(world);
});

inEach("a message that waits for its retry holds no slot", async (world) => {
  const scripts: Scripts = { fail: () => Promise.reject(new Error("boom")) };
  const retry = { attempts: 2, baseMs: 60_000, maxMs: 60_000 };
  const { crowd, system, tellAll } = await started(world, scripts, { concurrency: 1, retry });
  void ref(system, "a").tell(Worker.run, "fail");
  await world.settle();
  await tellAll("b");
  assert.deepEqual(crowd.began, ["b"]);
  await crowd.endAll(world);
});

inEach("a draining system gives a turn to each actor that waits for one", async (world) => {
  const { crowd, system, tellAll } = await started(world, {}, { concurrency: 1 });
  await tellAll("a", "b", "c");
  const stopped = system.stop({ drainMs: 1_000_000 });
  await world.settle();
  await crowd.endAll(world);
  assert.equal((await stopped).drained, true);
  assert.deepEqual(crowd.began, ["a", "b", "c"]);
});

inEach("a draining system waits for those behind a turn that failed and is to be retried", async (world) => {
  let fail: (error: Error) => void = () => {};
  const scripts: Scripts = { fails: () => new Promise<never>((_, reject) => fail = reject) };
  const retry = { attempts: 2, baseMs: 600_000, maxMs: 600_000 };
  const { crowd, system, tellAll } = await started(world, scripts, { concurrency: 1, retry });
  void ref(system, "a").tell(Worker.run, "fails");
  await world.settle();
  await tellAll("b");
  const stopped = system.stop({ drainMs: 1_000_000 });
  fail(new Error("boom"));
  await world.settle();
  assert.deepEqual(crowd.began, ["b"]);
  await crowd.endAll(world);
  await world.settle();
  await stopped;
});

inEach("a system that stops at once leaves those that wait for a turn", async (world) => {
  const { system, tellAll } = await started(world, {}, { concurrency: 1 });
  await tellAll("a", "b", "c");
  const asked = ref(system, "b").ask(Worker.call, "notes").catch((error) => error.code);
  await world.settle();
  const stopped = system.stop({ drainMs: 0 });
  await world.settle();
  const { left, kept } = await stopped;
  assert.equal(await asked, "stopping");
  assert.equal(world.stored ? kept : left, world.stored ? 3 : 4);
});

inEach("a signal to an actor that waits for a turn takes effect at once", async (world) => {
  const { crowd, system, tellAll } = await started(world, {}, { concurrency: 1 });
  const a = ref(system, "b");
  void a.tell(Worker.note, "before");
  await world.settle();
  const events: string[] = [];
  system.inspect((event) => void ("actor" in event && event.actor.key === "b" && events.push(event.type)));
  await tellAll("a", "b");
  void system.signal(a, "erase");
  await world.settle();
  assert.ok(events.includes("erased"), `${events}`);
  assert.deepEqual(crowd.began, ["a"]);
  await crowd.endAll(world);
  const notes = notesOf(system, "b");
  await world.settle();
  assert.deepEqual(await notes, ["b"]);
  await tellAll("c");
  await crowd.endAll(world);
  assert.deepEqual(crowd.began, ["a", "b", "c"]);
});

Deno.test("a slot goes to those that wait, in order, whatever comes between", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(9), fc.boolean())),
      (most, steps) => {
        const slots = new TurnSlots(most);
        const admitted: number[] = [];
        const holders = Array.from({ length: 10 }, (_, n) => ({ wants: true, admit: () => admit(n) }));
        const admit = (n: number) => {
          if (holders[n].wants) admitted.push(n);
          return holders[n].wants;
        };
        let [queue, inside]: [number[], Set<number>] = [[], new Set()];
        for (const [n, enters] of steps) {
          const before = admitted.length;
          if (enters) {
            holders[n].wants = true;
            const free = inside.size < most;
            assert.equal(slots.enter(holders[n]), inside.has(n) || free);
            if (!inside.has(n) && free) inside.add(n);
            else if (!inside.has(n) && !queue.includes(n)) queue.push(n);
          } else if (inside.delete(n)) {
            slots.leave(holders[n]);
            const next = queue.find((one) => holders[one].wants);
            queue = next === undefined ? [] : queue.slice(queue.indexOf(next) + 1);
            if (next !== undefined) inside.add(next);
            assert.deepEqual(admitted.slice(before), next === undefined ? [] : [next]);
          } else holders[n].wants = false; // it leaves memory, and stays in the queue
          assert.equal(slots.holders.size, inside.size);
          assert.ok(slots.holders.size <= most);
          assert.ok(slots.full || slots.waiting === 0, "a slot is free, and somebody waits");
        }
      },
    ),
  ));

Deno.test("with any mixture of handlers the limit holds, each actor keeps its order, and all is handled", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.tuple(fc.nat(5), fc.constantFrom("sync", "soon", "slow", "fail", "hang")), {
        maxLength: 40,
      }),
      async (concurrency, messages) => {
        const Mixed = protocol("mixed", { run: tell(unchecked<{ how: string; n: number }>()) });
        let [running, most] = [0, 0];
        const handled: Record<string, number[]> = {};
        const mixed = actor(Mixed, {
          state: () => null,
          on: {
            run(ctx, { how, n }) {
              (handled[ctx.key] ??= []).push(n);
              if (how === "sync") return;
              most = Math.max(most, ++running);
              const ms = { soon: 0, slow: 700, fail: 300, hang: Infinity }[how]!;
              ctx.signal.addEventListener("abort", () => running--);
              return new Promise<void>((resolve, reject) => {
                if (ms === Infinity) return;
                it.clock.setTimer(ms, () => {
                  running--;
                  if (how === "fail") reject(new Error("boom"));
                  else resolve();
                });
              });
            },
          },
          concurrency,
          turnMs: 1_000,
          retry: { attempts: 1 },
          onFailure: "resume",
        });
        await using it = stage(mixed);
        for (const [n, [key, how]] of messages.entries()) {
          void it.system.ref(Mixed, `${key}`).tell(Mixed.run, { how, n });
        }
        await it.clock.advance(60_000);
        assert.ok(most <= concurrency, `${most} of ${concurrency}`);
        const expected: Record<string, number[]> = {};
        for (const [n, [key]] of messages.entries()) (expected[key] ??= []).push(n);
        assert.deepEqual(handled, expected);
        const { running: left, waiting, done, dead, accepted } = it.system.stats();
        assert.deepEqual([left, waiting, accepted], [0, 0, done + dead]);
      },
    ),
    { numRuns: 60 },
  ));

const askFor = (key: string, script: WalkerScript): WalkerScript => (ctx) =>
  ctx.ref(Walker, key).ask(Walker.call, script, { timeoutMs: 60_000 });

Deno.test("an ask that would wait for the slot of its own asker fails at once", async () => {
  await using it = stage(walker({ concurrency: 1, onFailure: "resume" }));
  const answer = it.walker("a").ask(Walker.call, askFor("b", () => "b")).catch((error) => error);
  await it.clock.settle();
  const error = await answer;
  assert.ok(error instanceof DeadlockError);
  assert.deepEqual(error.chain, ["walker/a", "walker/b", "walker/a"]);
});

Deno.test("an ask waits for a slot if one of the turns that have them goes on without its answer", async () => {
  await using it = stage(walker({ concurrency: 2, onFailure: "resume" }));
  const gate = Promise.withResolvers<string>();
  const slow = it.walker("x").ask(Walker.call, () => gate.promise);
  const first = it.walker("a").ask(Walker.call, askFor("b", () => "b"));
  await it.clock.settle();
  gate.resolve("x");
  await it.clock.settle();
  assert.deepEqual(await Promise.all([slow, first]), ["x", "b"]);
});

Deno.test("the last of several asks that would all wait for each other's slots fails at once", async () => {
  await using it = stage(walker({ concurrency: 2, onFailure: "resume" }));
  const gate = Promise.withResolvers<void>();
  const first = it.walker("a").ask(Walker.call, askFor("b", () => "b"), { timeoutMs: 60_000 });
  const second = it.walker("x").ask(Walker.call, async (ctx) => {
    await gate.promise;
    return await ctx.ref(Walker, "y").ask(Walker.call, () => "y");
  }).catch((error) => error.code);
  await it.clock.settle();
  gate.resolve();
  await it.clock.settle();
  assert.equal(await second, "cycle");
  assert.equal(await first, "b"); // the failed turn has given its slot back
});

Deno.test("concurrency must be a whole number from 1 to 1,000,000", () => {
  for (const concurrency of [0, -1, 1.5, NaN, Infinity, 1_000_001, "5" as never]) {
    const message = /concurrency of worker: it must be a whole number of 1 to 1000000: current value is/;
    assert.throws(() => worker({}, { concurrency }), message);
  }
  for (const concurrency of [1, 1_000_000]) worker({}, { concurrency });
});
