import assert from "node:assert/strict";
import fc from "fast-check";
import { type Cancel, System } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import {
  Deadlines,
  type DeadlineWaiter,
  type SharedDeadline,
} from "../../../runtime/scheduling/deadlines.ts";
import { Scheduler } from "../../../runtime/scheduling/scheduler.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";
import { LoopClock } from "./loop_clock.ts";
import { Stage, stage, Walker, walker, Worker, worker } from "../memory_stage.ts";

/** A clock whose time and event loop advance on command, with timers. */
class TimerClock extends LoopClock {
  readonly timers = new Set<{ readonly dueMs: number; readonly callback: () => void }>();

  override setTimer(delayMs: number, callback: () => void): Cancel {
    const timer = { dueMs: this.ms + delayMs, callback };
    this.timers.add(timer);
    return () => void this.timers.delete(timer);
  }

  /** Turns the event loop once: macrotasks, then due timers. */
  override turn(): boolean {
    const turned = super.turn();
    const due = [...this.timers].filter(({ dueMs }) => dueMs <= this.ms);
    for (const timer of due) {
      if (this.timers.delete(timer)) timer.callback();
    }
    return turned || due.length > 0;
  }
}

class Waiter implements DeadlineWaiter {
  before: DeadlineWaiter | undefined;
  after: DeadlineWaiter | undefined;
  deadline: SharedDeadline | undefined;
  end: "expired" | "stopped" | "left" | undefined;
  endMs = NaN;
  readonly beganMs: number;
  readonly timeoutMs: number;
  private readonly it: Bench;

  constructor(it: Bench, timeoutMs: number) {
    this.it = it;
    this.timeoutMs = timeoutMs;
    this.beganMs = it.clock.ms;
    this.deadline = it.deadlines.add(this, timeoutMs);
  }

  expire(): void {
    this.leave("expired");
  }

  stopped(): void {
    this.leave("stopped");
  }

  leave(end: "expired" | "stopped" | "left" = "left"): void {
    assert.equal(this.end, undefined, "it heard of its end twice");
    this.end = end;
    this.endMs = this.it.clock.ms;
    this.it.ended.push(this);
    this.deadline!.remove(this);
    this.deadline = undefined;
  }
}

/** Deadlines without a system. */
class Bench {
  readonly clock = new TimerClock();
  readonly timers = new Timers(this.clock);
  readonly scheduler: Scheduler = new Scheduler(
    this.clock,
    { throughput: 4_096, mailboxMs: 1, sliceMs: 2 },
    () => {},
    () => this.deadlines.begin(),
    () => this.deadlines.wantsLook,
  );
  readonly deadlines = new Deadlines(this.clock, this.timers, this.scheduler);
  readonly ended: Waiter[] = [];

  wait(timeoutMs: number): Waiter {
    const waiter = new Waiter(this, timeoutMs);
    this.scheduler.lookSoon();
    return waiter;
  }

  /** Turns the event loop at this interval, in milliseconds. */
  pass(ms: number, everyMs = 1): void {
    for (let passed = 0; passed < ms; passed += everyMs) {
      this.clock.ms += everyMs;
      while (this.clock.turn());
    }
  }
}

Deno.test("Deadlines are never early, and late by at most the time until the next look at the clock", () => {
  let late = 0;
  const step = fc.record({
    waiters: fc.array(fc.constantFrom(1, 2, 2.5, 10, 50), { maxLength: 4 }),
    /** How long the thread is blocked before the event loop turns; a little more is one more wait. */
    blockMs: fc.constantFrom(0, 0, 0.25, 5),
    turns: fc.boolean(),
    leaves: fc.option(fc.nat(9), { nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
      const it = new Bench();
      const all: Waiter[] = [];
      let turnedMs = 0;
      let longestMs = 0; // between two turns of the event loop
      for (const { waiters, blockMs, turns, leaves } of steps) {
        for (const timeoutMs of waiters) all.push(it.wait(timeoutMs));
        it.clock.ms += blockMs;
        if (leaves !== undefined) {
          const one = all.filter(({ end }) => end === undefined).at(leaves);
          one?.leave();
        }
        longestMs = Math.max(longestMs, it.clock.ms - turnedMs);
        if (!turns) continue;
        while (it.clock.turn());
        turnedMs = it.clock.ms;
      }
      it.pass(60);
      for (const { end, endMs, beganMs, timeoutMs } of all) {
        assert(end !== undefined, "it waits for ever");
        if (end !== "expired") continue;
        const tookMs = endMs - beganMs;
        assert(tookMs >= timeoutMs, `it waited for ${tookMs} of ${timeoutMs} ms`);
        // One interval until the look, one until the event loop reaches the timer, whose delays are whole
        // milliseconds.
        assert(tookMs <= timeoutMs + 2 * longestMs + 2, `it waited for ${tookMs} of ${timeoutMs} ms`);
        if (tookMs > timeoutMs) late++;
      }
      assert.equal(it.timers.size, 0);
      assert.equal(it.clock.timers.size, 0);
    }),
    { seed: 7, numRuns: 300 },
  );
  assert(late > 0, "no look ever came late");
});

Deno.test("Deadlines of several lengths expire in their order, and those of one length in the order of beginning", () => {
  const it = new Bench();
  const waiters = [30, 10, 20, 10, 30].map((timeoutMs) => it.wait(timeoutMs));
  it.pass(1);
  const later = it.wait(10);
  it.pass(40);
  const all = [...waiters, later];
  assert.deepEqual(it.ended.map((waiter) => all.indexOf(waiter)), [1, 3, 5, 2, 0, 4]);
});

Deno.test("Deadlines have one timer for all waiters of one timeout between two reads of the clock", () => {
  const it = new Bench();
  for (let count = 0; count < 1_000; count++) it.wait(10);
  it.wait(20);
  assert.equal(it.timers.size, 0);
  while (it.clock.turn());
  assert.equal(it.timers.size, 2);
  it.pass(30);
  assert.equal(it.ended.length, 1_001);
});

for (const place of [0, 1, 2]) {
  Deno.test(`Deadlines remove number ${place} of three that leaves, before and after the look`, () => {
    for (const looked of [false, true]) {
      const it = new Bench();
      const waiters = [it.wait(10), it.wait(10), it.wait(10)];
      if (looked) { while (it.clock.turn()); }
      waiters[place].leave();
      assert.deepEqual([waiters[place].before, waiters[place].after], [undefined, undefined]);
      it.pass(20);
      const others = [0, 1, 2].filter((index) => index !== place);
      assert.deepEqual(it.ended.map((waiter) => waiters.indexOf(waiter)), [place, ...others]);
    }
  });
}

Deno.test("a waiter that expires may remove another that expires with it", () => {
  const it = new Bench();
  const all = [it.wait(10), it.wait(10), it.wait(10)];
  const [one, other] = all;
  one.expire = () => {
    one.leave("expired");
    other.leave();
  };
  it.pass(20);
  assert.deepEqual(it.ended.map((waiter) => [all.indexOf(waiter), waiter.end]), [
    [0, "expired"],
    [1, "left"],
    [2, "expired"],
  ]);
});

Deno.test("Deadlines leave nothing armed when all have left, before the look or after it", () => {
  const it = new Bench();
  const waiters = [it.wait(10), it.wait(10), it.wait(20)];
  for (const waiter of waiters) waiter.leave();
  while (it.clock.turn());
  assert.deepEqual([it.timers.size, it.clock.timers.size], [0, 0]);
  const again = [it.wait(10), it.wait(20)];
  while (it.clock.turn());
  assert.equal(it.timers.size, 2);
  for (const waiter of again) waiter.leave();
  assert.equal(it.timers.size, 0);
  it.pass(40);
  assert.equal(it.ended.length, 5);
});

Deno.test("Deadlines set no timer for a timeout that has no waiter left when the clock is read", () => {
  const it = new Bench();
  it.wait(10).leave();
  const stays = it.wait(20);
  while (it.clock.turn());
  assert.equal(it.timers.size, 1);
  it.pass(20);
  assert.equal(stays.end, "expired");
});

Deno.test("Deadlines take a waiter after all others of its timeout have left", () => {
  const it = new Bench();
  it.wait(10).leave();
  const again = it.wait(10);
  it.pass(20);
  assert.equal(again.end, "expired");
});

Deno.test("Deadlines tell all waiters that the system has stopped, whether they have a timer or not", () => {
  const it = new Bench();
  const counted = [it.wait(10), it.wait(20)];
  while (it.clock.turn());
  const uncounted = [it.wait(10), it.wait(30)];
  it.timers.clear();
  it.deadlines.stop();
  while (it.clock.turn());
  assert.deepEqual(it.ended.map(({ end }) => end), Array(4).fill("stopped"));
  const all = [...counted, ...uncounted];
  assert.deepEqual(it.ended.map((waiter) => all.indexOf(waiter)).toSorted(), [0, 1, 2, 3]);
  it.pass(50);
  assert.equal(it.ended.length, 4);
});

Deno.test("Deadlines know when it is too late at the latest as asked, also before the look, and once looked never change", () => {
  const it = new Bench();
  const { deadline } = it.wait(10);
  it.clock.ms += 3;
  assert.equal(deadline!.atMs, it.clock.now() + 10);
  assert.equal(deadline!.dueMs, Infinity);
  while (it.clock.turn());
  const { atMs } = deadline!;
  assert.deepEqual([atMs, deadline!.dueMs], [it.clock.now() + 10, atMs]);
  it.clock.ms += 3;
  it.wait(10);
  while (it.clock.turn());
  assert.equal(deadline!.atMs, atMs);
});

// --- In a system

const hung = () => new Promise<void>(() => {});

Deno.test("Deadlines hold for an ask whose actor is busy, while nothing else runs", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(Worker.run, hung);
  await it.clock.advance(1_000);
  const code = ada.ask(Worker.call, () => "never").catch((error) => error.code);
  await it.clock.advance(4_999);
  assert.equal(await Promise.race([code, "waits"]), "waits");
  await it.clock.advance(1);
  assert.equal(await code, "deadline");
});

Deno.test("Deadlines hold for an ask in a turn that was awaited before, whose receiver is busy, while nothing else runs", async () => {
  await using it = stage(worker(), walker());
  await it.ref("ada").tell(Worker.run, hung);
  const ends: string[] = [];
  await it.walker("wim").tell(Walker.run, async (ctx) => {
    await new Promise<void>((resolve) => void it.clock.setTimer(100, resolve));
    await ctx.ref(Worker, "ada").ask(Worker.call, () => "never", { timeoutMs: 50 }).catch(({ code }) =>
      ends.push(code)
    );
  });
  await it.clock.advance(149);
  assert.deepEqual(ends, []);
  await it.clock.advance(1);
  assert.deepEqual(ends, ["deadline"]);
});

Deno.test("Deadlines hold for a reply that is waited for and does not come, while nothing else runs", async () => {
  await using it = stage(worker());
  const ticket = await it.ref("ada").submit(Worker.job, hung as never);
  await it.clock.advance(1_000);
  const ends: string[] = [];
  void ticket.reply({ timeoutMs: 50 }).catch(({ code }) => ends.push(code));
  await it.clock.advance(49);
  assert.deepEqual(ends, []);
  await it.clock.advance(1);
  assert.deepEqual(ends, ["deadline"]);
});

Deno.test("Deadlines hold for asks of several actors at once that are busy, each for its own length", async () => {
  await using it = stage(worker());
  const ended: string[] = [];
  for (const [key, timeoutMs] of [["ada", 30], ["bob", 10], ["cyd", 20], ["dan", undefined]] as const) {
    await it.ref(key).tell(Worker.run, hung);
    void it.ref(key).ask(Worker.call, () => "never", timeoutMs === undefined ? undefined : { timeoutMs })
      .catch(
        ({ message }) => ended.push(`${key}: ${/no answer in \d+ ms/.exec(message)}`),
      );
  }
  await it.clock.advance(6_000);
  assert.deepEqual(ended, [
    "bob: no answer in 10 ms",
    "cyd: no answer in 20 ms",
    "ada: no answer in 30 ms",
    "dan: no answer in 5000 ms",
  ]);
});

/** A clock whose time also advances while the thread is blocked. */
class BlockedClock extends VirtualClock {
  #blockedMs = 0;

  block(byMs: number): void {
    this.#blockedMs += byMs;
  }

  override now(): number {
    return super.now() + this.#blockedMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#blockedMs;
  }
}

Deno.test("Deadlines are not early for an ask from a thread that was blocked since the last look at the clock", async () => {
  const clock = new BlockedClock();
  await using it = new Stage({ actors: [worker(), walker()], clock, askTimeoutMs: 1_000 });
  // the clock is rarely read now
  const warm = Array.from({ length: 900 }, () => it.ref("ada").tell(Worker.note, ""));
  await Promise.all(warm);
  await it.clock.settle();
  const [early, signals]: [string[], AbortSignal[]] = [[], []];
  await it.ref("ada").ask(Worker.call, () => {}); // a slice has started
  clock.block(900);
  void it.walker("wim").ask(Walker.call, async (ctx) => {
    signals.push(ctx.signal);
    await ctx.ref(Worker, "bob").ask(Worker.call, hung).catch(({ code }) => early.push(`inner ${code}`));
  }).catch(({ code }) => early.push(code));
  await clock.advance(999);
  assert.deepEqual(early, []);
  assert.equal(signals[0].aborted, false);
  await clock.advance(1);
  assert.deepEqual(early.toSorted(), ["deadline", "inner deadline"]);
  assert.equal(signals[0].aborted, true);
});

Deno.test("Deadlines end when the system stops, also for a waiter that began just before", async () => {
  const it = stage(worker());
  const ada = it.ref("ada");
  for (let count = 0; count < 900; count++) void ada.tell(Worker.note, ""); // the clock is rarely read now
  await it.clock.settle();
  const ticket = await ada.submit(Worker.job, hung as never);
  await it.clock.settle();
  await ada.tell(Worker.note, "a slice has begun");
  const ends: string[] = [];
  void ticket.reply().catch(({ code }) => ends.push(`reply ${code}`));
  void it.ref("bob").ask(Worker.call, hung).catch(({ code }) => ends.push(`ask ${code}`));
  await it.system.stop({ drainMs: 0 });
  await it.clock.settle();
  assert.deepEqual(ends.toSorted(), ["ask stopping", "reply stopping"]);
  assert.equal(it.clock.waiting, 0);
});

/** A clock that does not advance while the real event loop turns. */
class LateClock extends VirtualClock {
  override macrotask(callback: () => void): void {
    void super.settle().then(callback);
  }
}

Deno.test("Deadlines are over when a handler stops the system that has just begun to wait, before any look at the clock", async () => {
  const it = new Stage({ actors: [worker()], clock: new LateClock() });
  const ada = it.ref("ada");
  const ticket = await ada.submit(Worker.job, hung as never);
  // the clock is rarely read now
  for (let count = 0; count < 900; count++) void it.ref("bob").tell(Worker.note, "");
  await it.clock.settle();
  const ends: string[] = [];
  await it.ref("bob").tell(Worker.run, () => {
    void ticket.reply().catch(({ code }) => ends.push(code));
    void it.system.stop({ drainMs: 0 });
  });
  await it.system.closed;
  for (let turns = 0; turns < 3; turns++) await it.clock.settle();
  assert.deepEqual(ends, ["stopping"]);
  assert.equal(it.clock.waiting, 0);
});

Deno.test("Deadlines leave no timer of the clock behind when every ask was answered", async () => {
  await using it = stage(worker({ idleMs: Infinity }));
  const asking = Array.from(
    { length: 500 },
    (_, index) =>
      it.ref("ada").ask(Worker.call, () => index, index % 2 === 0 ? undefined : { timeoutMs: 1 + index }),
  );
  await Promise.all(asking);
  await it.clock.settle();
  assert(it.clock.waiting <= 1, "there is one timer behind all that wait");
  await it.clock.advance(5_000); // a cancelled timer may remain until it is due
  assert.equal(it.clock.waiting, 0);
});

Deno.test("Deadlines expire with the machine's own clock for a program that does nothing else but block now and then", async () => {
  await using system = new System({ actors: [worker()], random: seededRandom(1), drainMs: 0 });
  const ada = system.ref(Worker, "ada");
  await ada.tell(Worker.run, hung);
  const beganMs = performance.now();
  const asking = ada.ask(Worker.call, () => "never", { timeoutMs: 20 });
  while (performance.now() < beganMs + 10); // between two looks
  await assert.rejects(asking, { code: "deadline" });
  assert(performance.now() >= beganMs + 20);
});
