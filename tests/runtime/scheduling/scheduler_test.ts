import assert from "node:assert/strict";
import { actor, protocol, submit, System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import * as z from "zod";
import { Scheduler, type SchedulerOptions } from "../../../runtime/scheduling/scheduler.ts";
import { replyName } from "../../../runtime/messages/reply_name.ts";
import { LoopClock, Work } from "./loop_clock.ts";
import { type Script, Worker, worker } from "../memory_stage.ts";

const tooMany = 1_000_000;

const Slow = protocol("slow", { wait: submit(z.undefined(), z.number()) });

function stage(options: SchedulerOptions = {}) {
  const clock = new LoopClock();
  const runs: string[] = [];
  const resting: number[] = [];
  const limits = { throughput: 256, mailboxMs: 1, sliceMs: 2, ...options };
  const scheduler = new Scheduler(clock, limits, () => resting.push(runs.length));
  const work = (name: string, left: number, costMs = 0) =>
    new Work(name, left, costMs, clock, (_work, count) => runs.push(`${name} ${count}`));
  return { clock, runs, resting, scheduler, work };
}

Deno.test("Scheduler runs in a microtask what became ready, in its order", async () => {
  const { scheduler, runs, work } = stage();
  for (const name of ["a", "b", "c"]) scheduler.add(work(name, 1));
  assert.deepEqual(runs, []);
  await Promise.resolve();
  assert.deepEqual(runs, ["a 1", "b 1", "c 1"]);
  assert.equal(scheduler.busy, false);
});

Deno.test("Scheduler gives each its throughput, then the next", async () => {
  const { scheduler, runs, work } = stage({ throughput: 3 });
  scheduler.add(work("a", 7));
  scheduler.add(work("b", 4));
  await Promise.resolve();
  assert.deepEqual(runs, ["a 3", "b 3", "a 3", "b 1", "a 1"]);
});

Deno.test("Scheduler gives each its time, then the next", async () => {
  const { clock, scheduler, runs, work } = stage({ mailboxMs: 1, sliceMs: 1_000 });
  scheduler.add(work("a", 5, 0.5));
  scheduler.add(work("b", 2, 0.5));
  await Promise.resolve();
  assert.deepEqual(runs, ["a 2", "b 2", "a 2", "a 1"]);
  assert.equal(clock.yields, 0);
});

Deno.test("Scheduler yields to the event loop after its slice, and goes on in the next turn", async () => {
  const { clock, scheduler, runs, work } = stage({ throughput: 1, sliceMs: 2 });
  scheduler.add(work("a", 5, 1));
  await Promise.resolve();
  assert.deepEqual(runs, ["a 1", "a 1"]);
  assert(scheduler.busy);
  clock.turn();
  assert.deepEqual(runs, ["a 1", "a 1", "a 1", "a 1"]);
  clock.turn();
  assert.equal(runs.length, 5);
  assert.equal(clock.yields, 2);
});

Deno.test("Scheduler ends a mailbox's turn with the slice, and begins a whole one in the next", async () => {
  const { clock, scheduler, runs, work } = stage({ mailboxMs: 1, sliceMs: 1.5 });
  scheduler.add(work("a", 12, 0.25));
  await Promise.resolve();
  assert.deepEqual(runs, ["a 4", "a 2"]);
  clock.turn();
  assert.deepEqual(runs, ["a 4", "a 2", "a 4", "a 2"]);
});

Deno.test("Scheduler counts all that runs in one turn of the event loop as one slice behind a first, over any number of microtasks", async () => {
  const { clock, scheduler, runs, work } = stage({ sliceMs: 2 });
  for (let count = 0; count < 7; count++) {
    scheduler.add(work("a", 1, 1));
    await Promise.resolve();
  }
  assert.deepEqual(runs, ["a 1", "a 1", "a 1"]);
  assert.equal(clock.yields, 1);
  clock.turn();
  assert.equal(runs.length, 5);
});

Deno.test("Scheduler counts no slice as a first that used its time up", async () => {
  const { clock, scheduler, runs, work } = stage({ sliceMs: 2 });
  for (let count = 0; count < 5; count++) {
    scheduler.add(work("a", 2, 1));
    await Promise.resolve();
  }
  assert.deepEqual(runs, ["a 1", "a 1"]);
  assert.equal(clock.yields, 1);
});

Deno.test("Scheduler begins a new slice when the event loop has turned in the meantime", async () => {
  const { clock, scheduler, runs, work } = stage({ sliceMs: 2 });
  for (let count = 0; count < 5; count++) {
    scheduler.add(work("a", 1, 1));
    await Promise.resolve();
    clock.turn();
  }
  assert.equal(runs.length, 5);
  assert.equal(clock.yields, 0);
});

Deno.test("Scheduler runs at once what comes when the event loop has turned since a slice that was too long", async () => {
  const { clock, scheduler, runs, work } = stage({ sliceMs: 2 });
  scheduler.add(work("long", 1, 3));
  await Promise.resolve();
  while (clock.turn());
  scheduler.add(work("lone", 1));
  await Promise.resolve();
  assert.deepEqual(runs, ["long 1", "lone 1"]);
  assert.equal(clock.yields, 0);
});

Deno.test("Scheduler counts no more than one mailbox may have, and lets it go on until its share is spent", async () => {
  const { clock, scheduler } = stage({ throughput: 10, mailboxMs: 1 });
  const spent: [number, boolean][] = [];
  let last = 0;
  scheduler.add({
    nextReady: undefined,
    run(scheduler) {
      for (let more = true; more;) {
        const { allowance } = scheduler;
        assert(allowance >= 1 && last + allowance <= 10);
        last += allowance;
        more = scheduler.spend(allowance);
        spent.push([last, more]);
      }
      return false;
    },
  });
  await Promise.resolve();
  assert.deepEqual(spent, [[1, true], [3, true], [7, true], [10, false]]); // the clock is read less and less often
  while (clock.turn());
});

Deno.test("Scheduler lets a mailbox go on that handled fewer than it was allowed", async () => {
  const { clock, scheduler } = stage({ throughput: 100 });
  const allowed: number[] = [];
  scheduler.add({
    nextReady: undefined,
    run(scheduler) {
      for (let times = 0; times < 3; times++) scheduler.spend(scheduler.allowance);
      for (let times = 0; times < 4; times++) {
        allowed.push(scheduler.allowance);
        assert.equal(scheduler.spend(2), true);
      }
      allowed.push(scheduler.allowance);
      return false;
    },
  });
  await Promise.resolve();
  assert.deepEqual(allowed, [8, 6, 4, 2, 16]);
  while (clock.turn());
});

Deno.test("Scheduler takes the time from a mailbox whose one message was too long, whatever it was allowed", async () => {
  const { clock, scheduler } = stage({ throughput: 1_000, mailboxMs: 1, sliceMs: 1_000 });
  let more = true;
  scheduler.add({
    nextReady: undefined,
    run(scheduler) {
      clock.ms += 5;
      more = scheduler.spend(1);
      return false;
    },
  });
  await Promise.resolve();
  assert.equal(more, false);
  while (clock.turn());
});

/** A scheduler with a pending request to look at the clock. */
function watched() {
  const clock = new LoopClock();
  const looks: number[] = [];
  let wanted = false;
  const limits = { throughput: 256, mailboxMs: 1, sliceMs: 2 };
  const onLook = () => {
    looks.push(clock.ms);
    wanted = false;
  };
  const scheduler = new Scheduler(clock, limits, () => {}, onLook, () => wanted);
  return { clock, looks, scheduler, want: () => wanted = true };
}

Deno.test("Scheduler looks at the clock soon when somebody wants it to, though nothing runs", () => {
  const { clock, looks, scheduler, want } = watched();
  want();
  scheduler.lookSoon();
  scheduler.lookSoon();
  assert.deepEqual(looks, []);
  clock.ms += 5;
  while (clock.turn());
  assert.deepEqual(looks, [5]);
  want();
  scheduler.lookSoon();
  clock.ms += 5;
  while (clock.turn());
  assert.deepEqual(looks, [5, 10]);
});

Deno.test("Scheduler lets nobody wait for a turn once the system has stopped, and asks nothing of the clock for it", async () => {
  const { clock, scheduler, want } = watched();
  want();
  const before = scheduler.turn();
  scheduler.end();
  await before; // who waits already has the turn
  while (clock.turn());
  want();
  for (let times = 0; times < 40; times++) await scheduler.turn();
  assert.deepEqual([scheduler.busy, scheduler.pending, clock.turn()], [false, false, false]);
});

Deno.test("Scheduler reads the clock when the event loop turns if a slice has requested it", async () => {
  for (let slices = 1; slices <= 3; slices++) {
    const { clock, looks, scheduler, want } = watched();
    const wanting = () => ({
      nextReady: undefined,
      run: () => {
        want();
        scheduler.lookSoon();
        return false;
      },
    });
    for (let slice = 1; slice <= slices; slice++) {
      scheduler.add(wanting());
      await Promise.resolve();
    }
    looks.length = 0;
    clock.ms += 5;
    while (clock.turn());
    assert.deepEqual(looks, [5], `after ${slices} slices`);
  }
});

Deno.test("Scheduler is pending until the clock has called it back, and not otherwise", async () => {
  const { clock, scheduler, want } = watched();
  assert.equal(scheduler.pending, false);
  want();
  scheduler.lookSoon();
  assert.equal(scheduler.pending, true);
  while (clock.turn());
  assert.equal(scheduler.pending, false);
  scheduler.add(new Work("long", 2, 3, clock, () => {}));
  await Promise.resolve();
  assert.equal(scheduler.pending, true);
  while (clock.turn());
  await Promise.resolve();
  while (clock.turn());
  assert.equal(scheduler.pending, false);
});

Deno.test("Scheduler lets no two that wake each other for ever keep the event loop from turning", async () => {
  const { clock, scheduler } = stage();
  let messages = 0;
  const [one, other]: Work[] = ["one", "other"].map((name) =>
    new Work(name, 1, 0.01, clock, (work) => {
      messages++;
      const next = work === one ? other : one;
      next.left++;
      scheduler.add(next);
    })
  );
  scheduler.add(one);
  await Promise.resolve();
  for (let turn = 1; turn <= 10; turn++) {
    assert.equal(clock.yields, turn);
    assert(clock.ms <= turn * 4, `the event loop turned after ${clock.ms} ms`);
    clock.turn();
  }
  assert(messages > 1_000);
});

Deno.test("Scheduler finds at the first look that messages have become slow", async () => {
  const { clock, scheduler, runs, work } = stage();
  scheduler.add(work("quick", 2_000));
  await Promise.resolve();
  scheduler.add(work("slow", 1_000, 1));
  await Promise.resolve();
  runs.length = 0;
  clock.turn();
  assert.deepEqual(runs, ["slow 1", "slow 1"]);
});

Deno.test("Scheduler knows the time of its slice", async () => {
  const { clock, scheduler, work } = stage();
  clock.ms = 42;
  scheduler.add(work("a", 1));
  await Promise.resolve();
  assert.deepEqual([scheduler.monotonicMs, scheduler.nowMs], [42, 1_000_042]);
});

Deno.test("Scheduler says when nothing is left, and only then", async () => {
  const { clock, scheduler, resting, work } = stage({ throughput: 1 });
  scheduler.add(work("a", 3, 1));
  await Promise.resolve();
  assert.deepEqual(resting, []);
  clock.turn();
  assert.deepEqual(resting, [3]);
});

Deno.test("Scheduler takes what is added while it runs, also by what runs", async () => {
  const { clock, scheduler, runs, work } = stage();
  const late = work("late", 1);
  scheduler.add(new Work("early", 1, 0, clock, () => scheduler.add(late)));
  await Promise.resolve();
  assert.deepEqual(runs, ["late 1"]);
});

Deno.test("Scheduler gives a turn behind what is ready", async () => {
  const { scheduler, runs, work } = stage();
  scheduler.add(work("a", 1));
  const turn = scheduler.turn().then(() => runs.push("turn"));
  scheduler.add(work("b", 1));
  await turn;
  assert.deepEqual(runs, ["a 1", "b 1", "turn"]); // whoever waits continues in a microtask of its own
  scheduler.add(work("a", 1));
  await scheduler.turn();
  assert.equal(runs.length, 4);
});

// --- With the system clock: each test ends when the event loop has turned, or after too many messages

Deno.test("Scheduler lets the event loop turn during a loop of awaited turns", async () => {
  const { clock, scheduler } = stage();
  let turns = 0;
  const loop = (async () => {
    for (; clock.yields === 0; turns++) await scheduler.turn();
  })();
  while (clock.yields === 0 && turns < tooMany) await Promise.resolve();
  assert.ok(turns < tooMany, String(turns));
  clock.turn();
  await loop;
});

// --- With the machine's own clock: each ends when the event loop has turned, or after too many messages

class NextTurn {
  came = false;

  constructor() {
    setTimeout(() => this.came = true, 0);
  }

  /**
   * Checks that the callback ran before the work was over, and lets the scheduler's last check of the event
   * loop pass.
   */
  async check(): Promise<void> {
    assert(this.came);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("Scheduler lets timers fire while two actors tell each other for ever", async () => {
  await using system = new System({ actors: [worker()] });
  const turn = new NextTurn();
  const { promise, resolve } = Promise.withResolvers<void>();
  let messages = 0;
  const hit: Script = (ctx) => {
    if (turn.came || ++messages === tooMany) return resolve();
    ctx.ref(Worker, ctx.key === "ping" ? "pong" : "ping").tell(Worker.run, hit);
  };
  await system.ref(Worker, "ping").tell(Worker.run, hit);
  await promise;
  await turn.check();
});

Deno.test("Scheduler lets timers fire while an actor tells itself for ever", async () => {
  await using system = new System({ actors: [worker()] });
  const turn = new NextTurn();
  const { promise, resolve } = Promise.withResolvers<void>();
  let messages = 0;
  const again: Script = (ctx) => {
    if (turn.came || ++messages === tooMany) return resolve();
    ctx.self.tell(Worker.run, again);
  };
  await system.ref(Worker, "ada").tell(Worker.run, again);
  await promise;
  await turn.check();
});

for (
  const [kind, script] of [["synchronous", () => 1], ["asynchronous", () => Promise.resolve(1)]] as const
) {
  Deno.test(`Scheduler lets timers fire during a loop of awaited asks to a ${kind} handler`, async () => {
    await using system = new System({ actors: [worker()] });
    const turn = new NextTurn();
    const ada = system.ref(Worker, "ada");
    for (let asks = 0; asks < tooMany && !turn.came; asks++) await ada.ask(Worker.call, script);
    await turn.check();
  });
}

for (const store of [undefined, memoryStore()]) {
  const where = store === undefined ? "memory" : "a store";

  Deno.test(`Scheduler lets timers fire while a reply in ${where} is asked for in a loop, before and after it came`, async () => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const slow = actor(Slow, { state: () => null, on: { wait: () => promise } });
    await using system = new System({ actors: [slow], ...store && { store } });
    const first = new NextTurn();
    const ticket = await system.ref(Slow, "ada").submit(Slow.wait);
    for (let polls = 0; polls < tooMany && !first.came; polls++) {
      await assert.rejects(ticket.reply({ timeoutMs: 0 }), { code: "deadline" });
      await assert.rejects(ticket.reply({ peek: true }), { code: "deadline" });
    }
    await first.check();
    const unknown = system.ticket(replyName(system.newId()));
    const second = new NextTurn();
    for (let polls = 0; polls < tooMany && !second.came; polls++) {
      await assert.rejects(unknown.reply(), { code: "unknown-reply" });
    }
    await second.check();
    resolve(1);
    await ticket.reply();
    for (const peek of [true, false]) {
      const turn = new NextTurn();
      for (let polls = 0; polls < tooMany && !turn.came; polls++) await ticket.reply({ peek });
      await turn.check();
    }
  });
}

Deno.test("Scheduler goes on with the others when one of them breaks, whose error is uncaught", async () => {
  const { clock, scheduler, runs, work } = stage();
  const uncaught: string[] = [];
  const hear = (event: ErrorEvent) => {
    event.preventDefault();
    uncaught.push(event.error.message);
  };
  addEventListener("error", hear);
  const broken = work("broken", 1);
  broken.run = () => {
    throw new Error("boom");
  };
  scheduler.add(broken);
  scheduler.add(work("a", 1));
  await new Promise((resolve) => setTimeout(resolve, 0)); // the error has surfaced
  removeEventListener("error", hear);
  clock.turn();
  scheduler.add(work("b", 1));
  await Promise.resolve();
  assert.deepEqual([uncaught, runs], [["boom"], ["a 1", "b 1"]]);
});
