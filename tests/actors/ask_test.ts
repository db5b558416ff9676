import assert from "node:assert/strict";
import {
  actor,
  ask,
  DeadLetterError,
  DeadlineExceededError,
  DeadlockError,
  InvalidPayloadError,
  protocol,
  StoppedError,
  System,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { gate, untyped, watch, World } from "./memory_world.ts";
import { asIngress } from "../as_ingress.ts";

const Oracle = protocol("oracle", {
  double: ask(z.number(), z.number()),
  date: ask(z.string().transform(Number), z.date().transform((date) => date.toISOString())),
  wait: ask(unchecked<Promise<number>>(), z.number()),
  fail: ask(unchecked<unknown>(), z.number()),
  misfit: ask(z.number()),
});

function oracleActor(options: { handled?: unknown[]; capacity?: number; onFailure?: "stop" } = {}) {
  const { handled = [], capacity = 1_000, onFailure = "resume" } = options;
  return actor(Oracle, {
    state: () => null,
    on: {
      double: (_ctx, n) => {
        handled.push(n);
        return n * 2;
      },
      date: (_ctx, ms) => new Date(ms),
      wait: (_ctx, until) => until,
      fail: (ctx, error) => {
        handled.push(ctx.attempt);
        throw error;
      },
      misfit: () => untyped("no number"),
    },
    onFailure,
    mailbox: { capacity, overflow: "drop-oldest" },
  });
}

const has = (type: new (...args: never[]) => Error, code: string, message?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof type, String(error));
  assert.equal((error as Error & { code?: string }).code, code);
  if (message !== undefined) assert.match(error.message, message);
  return true;
};

Deno.test("an ask resolves with the reply", async () => {
  await using world = new World([oracleActor()]);
  const ref = world.system.ref(Oracle, "a");
  const answers = await Promise.all([1, 2, 3].map((n) => ref.ask(Oracle.double, n)));
  assert.deepEqual(answers, [2, 4, 6]);
  await world.clock.settle();
  assert.deepEqual(world.system.stats().dead, 0);
});

Deno.test("a handler gets the payload's output, an asker the reply's; raw gives the reply as it travels", async () => {
  await using world = new World([oracleActor()]);
  const ref = world.system.ref(Oracle, "a");
  assert.equal(await ref.ask(Oracle.date, "0"), "1970-01-01T00:00:00.000Z");
  assert.deepEqual(await ref.ask(Oracle.date, "0", asIngress({ raw: true })), untyped(new Date(0)));
});

Deno.test("a payload that does not fit rejects, and nothing is accepted", async () => {
  await using world = new World([oracleActor()]);
  const asked = world.system.ref(Oracle, "a").ask(Oracle.double, untyped("two"));
  await assert.rejects(
    asked,
    has(InvalidPayloadError, "invalid-payload", /^Cannot accept oracle\/a double: /),
  );
  assert.deepEqual([world.system.stats().accepted, world.population], [0, {}]);
});

Deno.test("an ask waits for as long as the system says, to the millisecond", async () => {
  await using world = new World([oracleActor()], { askTimeoutMs: 300 });
  const answer = watch(world.system.ref(Oracle, "a").ask(Oracle.wait, gate<number>().promise));
  await world.clock.advance(299);
  assert.ok(!answer.done);
  await world.clock.advance(1);
  assert.ok(
    has(DeadlineExceededError, "deadline", /^Cannot ask oracle\/a wait: no answer in 300 ms$/)(answer.error),
  );
});

Deno.test("an ask waits for its own timeout, and a late reply is dropped", async () => {
  await using world = new World([oracleActor()], { askTimeoutMs: 300 });
  const { promise, resolve } = gate<number>();
  const answer = watch(world.system.ref(Oracle, "a").ask(Oracle.wait, promise, { timeoutMs: 1_000 }));
  await world.clock.advance(999);
  assert.ok(!answer.done);
  await world.clock.advance(1);
  assert.ok(answer.error instanceof DeadlineExceededError);
  resolve(5);
  await world.clock.settle();
  const { done, dead } = world.system.stats();
  assert.deepEqual([done, dead], [1, 0]);
});

Deno.test("a time-out that is no time rejects", async () => {
  await using world = new World([oracleActor()]);
  for (const timeoutMs of [0, -5, NaN]) {
    await assert.rejects(world.system.ref(Oracle, "a").ask(Oracle.double, 1, { timeoutMs }), RangeError);
  }
});

Deno.test("a message is not started if its caller no longer waits", async () => {
  const handled: unknown[] = [];
  await using world = new World([oracleActor({ handled })]);
  const ref = world.system.ref(Oracle, "a");
  const { promise, resolve } = gate<number>();
  const first = watch(ref.ask(Oracle.wait, promise));
  const second = watch(ref.ask(Oracle.double, 1, { timeoutMs: 100 }));
  await world.clock.advance(100);
  assert.ok(second.error instanceof DeadlineExceededError);
  resolve(5);
  await world.clock.settle();
  assert.deepEqual([first.value, handled, world.letters], [5, [], ["oracle double: deadline"]]);
});

Deno.test("a signal that has aborted rejects with its reason, and nothing is sent", async () => {
  await using world = new World([oracleActor()]);
  const signal = AbortSignal.abort(new Error("changed my mind"));
  await assert.rejects(world.system.ref(Oracle, "a").ask(Oracle.double, 1, { signal }), {
    message: "changed my mind",
  });
  assert.equal(world.system.stats().accepted, 0);
});

Deno.test("a signal that aborts ends the waiting, and what was started goes on", async () => {
  await using world = new World([oracleActor()]);
  const controller = new AbortController();
  const { promise, resolve } = gate<number>();
  const { signal } = controller;
  const answer = watch(world.system.ref(Oracle, "a").ask(Oracle.wait, promise, { signal }));
  await world.clock.settle();
  controller.abort(new Error("changed my mind"));
  await world.clock.settle();
  assert.equal((answer.error as Error).message, "changed my mind");
  assert.equal(world.system.stats().running, 1);
  resolve(5);
  await world.clock.settle();
  assert.equal(world.system.stats().done, 1);
});

Deno.test("a signal that aborts after the answer changes nothing", async () => {
  await using world = new World([oracleActor()]);
  const controller = new AbortController();
  const { signal } = controller;
  assert.equal(await world.system.ref(Oracle, "a").ask(Oracle.double, 1, { signal }), 2);
  controller.abort();
});

Deno.test("an asker gets the handler's TerminalError as it is", async () => {
  await using world = new World([oracleActor()]);
  const refusal = new TerminalError("Cannot charge less than nothing", { code: "negative-amount" });
  await assert.rejects(
    world.system.ref(Oracle, "a").ask(Oracle.fail, refusal),
    (error: unknown) => error === refusal,
  );
  assert.deepEqual(world.letters, ["oracle fail: negative-amount"]);
});

Deno.test("an ask rejects at once with the reason if its handler fails, and is not retried", async () => {
  const handled: unknown[] = [];
  await using world = new World([oracleActor({ handled })]);
  const broken = new Error("broken");
  await assert.rejects(world.system.ref(Oracle, "a").ask(Oracle.fail, broken), (error: unknown) => {
    assert.ok(has(DeadLetterError, "failed", /^oracle\/a fail failed: broken$/)(error));
    return (error as Error).cause === broken;
  });
  await world.clock.advance(600_000);
  assert.deepEqual([handled, world.letters], [[1], ["oracle fail: failed"]]);
});

Deno.test("a reply that does not fit is the handler's failure", async () => {
  await using world = new World([oracleActor()]);
  await assert.rejects(
    world.system.ref(Oracle, "a").ask(Oracle.misfit),
    has(DeadLetterError, "failed", /Cannot reply to oracle\/a misfit/),
  );
});

Deno.test("an ask rejects at once if its message is evicted from a full mailbox, or its actor stops", async () => {
  await using world = new World([oracleActor({ capacity: 1, onFailure: "stop" })]);
  const ref = world.system.ref(Oracle, "a");
  const { promise, reject } = gate<number>();
  const first = watch(ref.ask(Oracle.wait, promise));
  await world.clock.settle();
  const second = watch(ref.ask(Oracle.double, 1));
  const third = watch(ref.ask(Oracle.double, 2));
  await world.clock.settle();
  assert.ok(has(DeadLetterError, "dropped")(second.error));
  reject(new Error("broken"));
  await world.clock.settle();
  assert.ok(has(DeadLetterError, "failed")(first.error));
  assert.ok(has(DeadLetterError, "stopped")(third.error));
});

Deno.test("an ask rejects when the system stops", async () => {
  const world = new World([oracleActor()]);
  const ref = world.system.ref(Oracle, "a");
  const running = watch(ref.ask(Oracle.wait, gate<number>().promise));
  const waiting = watch(ref.ask(Oracle.double, 1));
  await world.stop();
  await world.clock.settle();
  for (const { error } of [running, waiting]) assert.ok(has(StoppedError, "stopping")(error));
  await assert.rejects(ref.ask(Oracle.double, 1), has(StoppedError, "stopping"));
  assert.equal(world.clock.waiting, 0);
});

Deno.test("the same id again gets the answer that the first got, and is handled once", async () => {
  const handled: unknown[] = [];
  await using world = new World([oracleActor({ handled })]);
  const ref = world.system.ref(Oracle, "a");
  const answers = await Promise.all([1, 1].map((n) => ref.ask(Oracle.double, n, { id: "7" })));
  assert.deepEqual(answers, [2, 2]);
  assert.equal(await ref.ask(Oracle.double, 1, { id: "7" }), 2);
  const broken = new Error("broken");
  for (let time = 0; time < 2; time++) {
    await assert.rejects(ref.ask(Oracle.fail, broken, { id: "8" }), has(DeadLetterError, "failed"));
  }
  assert.deepEqual(handled, [1, 1]);
});

// --- Within the turn of a transient actor

const Walker = protocol("walker", {
  ask: ask(unchecked<(walk: Walk) => Promise<unknown>>(), unchecked<unknown>()),
  note: tell(z.string()),
  notes: ask(unchecked<string>(), z.array(z.string())),
});

/** The ways in which a walker asks. */
interface Walk {
  readonly key: string;
  ask(key: string, next: (walk: Walk) => Promise<unknown>): Promise<unknown>;
  tell(key: string, note: string): void;
  notes(key: string, note: unknown): Promise<readonly string[]>;
}

const walkerActor = actor(Walker, {
  transient: true,
  state: (): string[] => [],
  on: {
    ask: (ctx, walk) =>
      walk({
        key: ctx.key,
        ask: (key, next) => ctx.ref(Walker, key).ask(Walker.ask, next),
        tell: (key, note) => ctx.ref(Walker, key).tell(Walker.note, note),
        notes: (key, note) => ctx.ref(Walker, key).ask(Walker.notes, untyped(note)),
      }),
    note: (ctx, note) => {
      ctx.state = [...ctx.state, note];
    },
    notes: (ctx) => ctx.state,
  },
  onFailure: "resume",
});

Deno.test("a transient actor asks within its turn, behind what it tells the same actor", async () => {
  await using world = new World([walkerActor]);
  const notes = await world.system.ref(Walker, "a").ask(Walker.ask, async (walk) => {
    walk.tell("b", "before");
    return await walk.notes("b", "what did you get?");
  });
  assert.deepEqual(notes, ["before"]);
});

Deno.test("an ask that would wait for itself fails at once, and names the cycle", async () => {
  await using world = new World([walkerActor]);
  const asked = world.system.ref(Walker, "a").ask(
    Walker.ask,
    (a) => a.ask("b", (b) => b.ask("c", (c) => c.ask("a", () => Promise.resolve()).catch((error) => error))),
  );
  const error = await asked;
  assert.ok(error instanceof DeadlockError);
  assert.deepEqual(error.chain, ["walker/c", "walker/a", "walker/b", "walker/c"]);
});

Deno.test("an ask that has ended is no part of a cycle, however it ended", async () => {
  await using world = new World([walkerActor]);
  const { system, clock } = world;
  const never = new Promise<never>(() => {});
  const through = (from: string, to: string) =>
    system.ref(Walker, from).ask(Walker.ask, (walk) => walk.ask(to, () => Promise.resolve("answered")));
  assert.equal(await through("a", "b"), "answered");
  assert.equal(await through("b", "a"), "answered");
  const { promise, resolve } = gate();
  const long = watch(
    system.ref(Walker, "a").ask(Walker.ask, async (a) => {
      await a.ask("b", () => Promise.resolve());
      await promise;
    }),
  );
  await clock.settle();
  const back = watch(through("b", "a"));
  await clock.settle();
  assert.ok(!back.done); // behind a turn that does not wait for it
  resolve();
  await clock.settle();
  assert.deepEqual([long.done, back.value], [true, "answered"]);
  const late = watch(system.ref(Walker, "c").ask(Walker.ask, (c) => c.ask("d", () => never)));
  await clock.advance(5_000);
  assert.ok(late.error instanceof DeadlineExceededError);
  const asked = watch(
    system.ref(Walker, "e").ask(Walker.ask, (e) => e.ask("c", () => Promise.resolve("free"))),
  );
  await clock.settle();
  assert.equal(asked.value, "free");
});

Deno.test("an ask within a turn does not outlast the message that the turn handles", async () => {
  await using world = new World([walkerActor, oracleActor()]);
  const never = new Promise<never>(() => {});
  const inner: unknown[] = [];
  const outer = watch(
    world.system.ref(Walker, "a").ask(Walker.ask, (a) =>
      a.ask("b", () => never).catch((error) => {
        inner.push(error);
        throw error;
      }), { timeoutMs: 100 }),
  );
  await world.clock.advance(100);
  assert.ok(outer.error instanceof DeadlineExceededError && inner[0] instanceof DeadlineExceededError);
});

Deno.test("an ask within a turn with a payload that does not fit leaves no actor behind", async () => {
  const Strict = protocol("strict", { double: ask(z.number(), z.number()) });
  const strict = actor(Strict, { state: () => null, on: { double: (_ctx, n) => n * 2 } });
  const ReplyTarget = protocol("asker", { ask: ask(z.string()) });
  const asker = actor(ReplyTarget, {
    transient: true,
    state: () => null,
    on: {
      ask: (ctx) =>
        ctx.ref(Strict, "new").ask(Strict.double, untyped("two")).then(String, (error) => error.code),
    },
  });
  await using world = new World([strict, asker]);
  assert.equal(await world.system.ref(ReplyTarget, "a").ask(ReplyTarget.ask), "invalid-payload");
  assert.deepEqual([world.population, world.letters], [{ asker: 1 }, []]);
});

Deno.test("a thousand asks leave nothing behind but the actor", async () => {
  await using world = new World([oracleActor()]);
  const ref = world.system.ref(Oracle, "a");
  for (let n = 0; n < 500; n++) assert.equal(await ref.ask(Oracle.double, n), n * 2);
  for (let n = 0; n < 500; n++) await ref.ask(Oracle.fail, new TerminalError("no")).catch(() => {});
  await world.clock.advance(120_000); // the idle actor had no state to keep
  assert.deepEqual([world.population, world.clock.waiting], [{}, 0]);
});

Deno.test("without a store an ask whose time was up has its answer later, for its repeat, and nothing runs twice", async () => {
  const clock = new VirtualClock();
  const Slow = protocol("slow", { wait: ask(z.string(), z.string()) });
  const gates: PromiseWithResolvers<string>[] = [];
  const slow = actor(Slow, {
    state: () => null,
    on: {
      wait() {
        gates.push(Promise.withResolvers());
        return gates[gates.length - 1].promise;
      },
    },
  });
  await using system = new System({ actors: [slow], clock, log: false });
  const asked = (id: string) => system.ref(Slow, id).ask(Slow.wait, "x", { id, timeoutMs: 500 });
  for (const id of ["replies", "fails"]) {
    const rejected = assert.rejects(asked(id), { code: "deadline" });
    await clock.advance(500);
    await rejected;
    await assert.rejects(asked(id), { code: "deadline" }); // it still runs
  }
  gates[0].resolve("late");
  gates[1].reject(new TerminalError("Too late", { code: "too-late" }));
  await clock.settle();
  for (let time = 0; time < 2; time++) {
    assert.equal(await asked("replies"), "late");
    await assert.rejects(asked("fails"), { code: "too-late", message: "Too late" });
  }
  assert.equal(gates.length, 2);
});

Deno.test("without a store an ask whose time was up before its turn is not run for its repeat either", async () => {
  const handled: unknown[] = [];
  await using world = new World([oracleActor({ handled })]);
  const ref = world.system.ref(Oracle, "a");
  const { promise, resolve } = gate<number>();
  const first = watch(ref.ask(Oracle.wait, promise));
  const asked = () => ref.ask(Oracle.double, 1, { id: "1", timeoutMs: 100 });
  const rejected = assert.rejects(asked(), { code: "deadline" });
  await world.clock.advance(100);
  await rejected;
  resolve(5);
  await world.clock.settle();
  await assert.rejects(asked(), { code: "deadline" });
  assert.deepEqual([first.value, handled], [5, []]);
});

Deno.test("an ask carries its caller even without an id, so dead letters of one caller do not evict those of another", async () => {
  await using world = new World([oracleActor({ capacity: 1 })], { limits: { deadLetters: 4 } });
  const ref = world.system.ref(Oracle, "a");
  const open = gate<number>();
  const running = watch(ref.ask(Oracle.wait, open.promise));
  await world.clock.settle();
  const asks = [1, 2].map((n) => ref.ask(Oracle.double, n)); // the program's own: the second displaces the first
  for (let n = 100; n < 120; n++) asks.push(ref.ask(Oracle.double, n, asIngress({ caller: "", raw: true })));
  const told = await Promise.allSettled(asks.slice(0, -1));
  assert.ok(told.every(({ status }) => status === "rejected"));
  const kept = world.system.deadLetters.list().map(({ payload }) => payload);
  assert.deepEqual(kept, [1, 2, 117, 118]);
  open.resolve(1);
  await world.clock.settle();
  assert.equal(running.value, 1);
});

Deno.test("an ask with an invalid caller is refused and not sent", async () => {
  const handled: unknown[] = [];
  await using world = new World([oracleActor({ handled })]);
  const ref = world.system.ref(Oracle, "a");
  await assert.rejects(ref.ask(Oracle.double, 1, asIngress({ caller: "\ud800" })), {
    code: "invalid-caller",
  });
  await assert.rejects(ref.ask(Oracle.double, 1, asIngress({ caller: "x".repeat(513) })), {
    code: "too-large",
  });
  await world.clock.settle();
  assert.deepEqual([handled, world.clock.waiting], [[], 0]);
});
