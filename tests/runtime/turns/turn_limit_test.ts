// `turnMs`: a handler that does not settle in time is abandoned, and its actor goes on.

import assert from "node:assert/strict";
import {
  actor,
  type ActorOptions,
  ask,
  type Clock,
  Failure,
  protocol,
  submit,
  System,
  tell,
  TurnTimeoutError,
  unchecked,
} from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import {
  deadOf,
  note,
  type Notes,
  notesOf,
  ref,
  Worker,
  worker,
  type WorkerContext,
} from "../durable/durable_stage.ts";
import { inEach, type World } from "../durable/worlds.ts";
import { stage, Walker, walker } from "../memory_stage.ts";
import { Services } from "../remote/services.ts";
import * as z from "zod";

type Traits = Partial<Omit<ActorOptions<string, unknown, Notes>, "on" | "transient">>;

const never = new Promise<never>(() => {});
const limited: Traits = { turnMs: 1_000, retry: { attempts: 1 }, onFailure: "resume" };

const codeOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then((value) => `answered ${value}`, (error) => error.code);

/** Lets time pass until a promise settles. */
async function during<Result>(world: World, promise: Promise<Result>): Promise<Result> {
  let settled = false;
  const over = () => void (settled = true);
  promise.then(over, over);
  for (let step = 0; step < 100 && !settled; step++) await world.pass(100, 100);
  return await promise;
}

inEach("an actor goes on with the next message after a handler that never settles", async (world) => {
  const system = await world.start([worker({ hang: () => never }, limited)]);
  const ada = ref(system, "ada");
  const hung = codeOf(ada.ask(Worker.call, "hang"));
  void ada.tell(Worker.note, "behind");
  assert.equal(await during(world, hung), "turn-timeout");
  assert.deepEqual(await during(world, notesOf(system, "ada")), ["behind"]);
  assert.equal(system.stats().running, 0);
});

inEach(
  "a message whose handler does not settle in time is retried, and becomes a dead letter",
  async (world) => {
    const attempts: number[] = [];
    const hang = (ctx: WorkerContext) => {
      attempts.push(ctx.attempt);
      return never;
    };
    const retry = { attempts: 3, baseMs: 10 };
    const system = await world.start([worker({ hang }, { ...limited, retry })]);
    await during(world, ref(system, "ada").tell(Worker.run, "hang"));
    await world.pass(10_000, 500);
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(deadOf(system), ["ada run: turn-timeout"]);
  },
);

inEach("an abandoned handler has no effect, whatever it does later", async (world) => {
  const gate = Promise.withResolvers<void>();
  const refusals: unknown[] = [];
  const slow = async (ctx: WorkerContext) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "sent before");
    ctx.schedule("later", { afterMs: 10 }, ctx.self.at(Worker.note), "scheduled before");
    note(ctx, "assigned before");
    await gate.promise;
    const attempts = [
      () => note(ctx, "assigned"),
      () => ctx.ref(Worker, "bob").tell(Worker.note, "sent"),
      () => ctx.ref(Worker, "bob").submit(Worker.job, "notes"),
      () => ctx.publish(Worker.happened, "published"),
      () => ctx.schedule("late", { afterMs: 10 }, ctx.self.at(Worker.note), "scheduled"),
      () => ctx.cancel("kept"),
      () => ctx.erase(),
      () => ctx.passivate(),
    ];
    for (const attempt of attempts) {
      try {
        attempt();
      } catch (error) {
        refusals.push((error as { code: unknown }).code);
      }
    }
    return "late";
  };
  const keep = (ctx: WorkerContext) => {
    ctx.schedule("kept", { afterMs: 20_000 }, ctx.self.at(Worker.note), "kept");
    note(ctx, "first");
  };
  const system = await world.start([worker({ slow, keep }, limited)]);
  const ada = ref(system, "ada");
  await during(world, ada.tell(Worker.run, "keep"));
  assert.equal(await during(world, codeOf(ada.ask(Worker.call, "slow"))), "turn-timeout");
  await during(world, ada.tell(Worker.note, "second"));
  gate.resolve();
  await world.pass(2_000);
  assert.deepEqual(refusals, Array.from({ length: 8 }, () => "turn-over"));
  assert.deepEqual(await during(world, notesOf(system, "bob")), []);
  await world.pass(30_000);
  assert.deepEqual(await during(world, notesOf(system, "ada")), ["first", "second", "kept"]);
});

inEach(
  "the late rejection of an abandoned handler is not uncaught, and a late result is not a second answer",
  async (world) => {
    const fails = Promise.withResolvers<never>();
    const returns = Promise.withResolvers<string>();
    const system = await world.start([
      worker({ fails: () => fails.promise, returns: () => returns.promise }, limited),
    ]);
    const ada = ref(system, "ada");
    for (const script of ["fails", "returns"]) {
      const ticket = await during(world, ada.submit(Worker.job, script));
      assert.equal(await during(world, codeOf(ticket.reply({ timeoutMs: 5_000 }))), "turn-timeout");
    }
    fails.reject(new Error("too late"));
    returns.resolve("too late");
    await world.pass(1_000);
    assert.deepEqual(deadOf(system), ["ada job: turn-timeout", "ada job: turn-timeout"]);
    assert.deepEqual(await during(world, notesOf(system, "ada")), []);
  },
);

inEach(
  "ctx.signal aborts with the reason when the time is up, also if it is read afterwards",
  async (world) => {
    const reasons: unknown[] = [];
    const listen = (ctx: WorkerContext) => {
      ctx.signal.addEventListener("abort", () => reasons.push(ctx.signal.reason));
      return never;
    };
    let kept: WorkerContext | undefined;
    const keep = (ctx: WorkerContext) => {
      kept = ctx;
      return never;
    };
    const system = await world.start([worker({ listen, keep }, limited)]);
    for (const script of ["listen", "keep"]) {
      await during(
        world,
        codeOf(ref(system, "ada").ask(Worker.call, script)),
      );
    }
    assert.equal(reasons.length, 1);
    for (const reason of [reasons[0], kept!.signal.reason]) {
      assert.ok(reason instanceof TurnTimeoutError);
      assert.match(reason.message, /worker\/ada call.* turnMs: 1000 ms/);
    }
  },
);

inEach("a listener of ctx.signal can send nothing any more", async (world) => {
  const listen = (ctx: WorkerContext) => {
    ctx.signal.addEventListener("abort", () => ctx.ref(Worker, "bob").tell(Worker.note, "aborted"));
    return never;
  };
  const failures: unknown[] = [];
  const system = await world.start([worker({ listen }, limited)]);
  system.inspect((event) => void (event.type === "callback-failed" && failures.push(event.error)));
  await during(world, codeOf(ref(system, "ada").ask(Worker.call, "listen")));
  assert.deepEqual(failures.map((error) => (error as { code: string }).code), ["turn-over"]);
  assert.deepEqual(await during(world, notesOf(system, "bob")), []);
});

inEach("a handler that settles in time is not touched by its limit", async (world) => {
  const sleep = (ms: number) => new Promise<void>((resolve) => void world.clock.setTimer(ms, resolve));
  const slow = async (ctx: WorkerContext) => {
    await sleep(900);
    note(ctx, "done");
    return "done";
  };
  const system = await world.start([worker({ slow }, limited)]);
  const ada = ref(system, "ada");
  assert.equal(await during(world, ada.ask(Worker.call, "slow")), "done");
  await world.pass(5_000);
  assert.deepEqual(await during(world, notesOf(system, "ada")), ["done"]);
  assert.deepEqual(deadOf(system), []);
});

inEach("a time that is up is a failure for the supervisor", async (world) => {
  const system = await world.start([worker({ hang: () => never }, { ...limited, onFailure: "stop" })]);
  const ada = ref(system, "ada");
  await during(world, ada.tell(Worker.run, "hang"));
  await during(world, ada.tell(Worker.note, "behind"));
  await world.pass(3_000);
  assert.deepEqual(deadOf(system).toSorted(), ["ada note: stopped", "ada run: turn-timeout"]);
});

inEach("a system stops at once although a handler with a limit never settles", async (world) => {
  const system = await world.start([worker({ hang: () => never }, { ...limited, turnMs: 2_000_000_000 })]);
  void ref(system, "ada").tell(Worker.run, "hang");
  await world.settle();
  assert.equal(system.stats().running, 1);
  const stopped = system.stop({ drainMs: 0 });
  await world.settle();
  await stopped;
});

inEach("a draining system waits no longer than the limit of a handler that never settles", async (world) => {
  const system = await world.start([worker({ hang: () => never }, limited)]);
  void ref(system, "ada").tell(Worker.run, "hang");
  await world.settle();
  const { drained } = await during(world, system.stop({ drainMs: 100_000 }));
  assert.equal(drained, true);
});

Deno.test("an ask of an abandoned turn is no wait of its actor any more, and it can ask no more", async () => {
  await using it = stage(walker({ turnMs: 1_000, onFailure: "resume" }));
  const gate = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  const ask = codeOf(
    it.walker("a").ask(Walker.call, async (ctx) => {
      void ctx.ref(Walker, "b").ask(Walker.call, () => never).catch(() => {});
      await gate.promise;
      try {
        await ctx.ref(Walker, "c").ask(Walker.call, () => "late");
      } catch (error) {
        errors.push((error as { code: unknown }).code);
      }
    }, { timeoutMs: 60_000 }),
  );
  await it.clock.advance(1_000);
  assert.equal(await ask, "turn-timeout");
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(errors, ["turn-over"]);
  // `b` asks `a`, whose abandoned turn still waits for `b`: that is no cycle.
  const answer = it.walker("b").ask(Walker.call, (ctx) => ctx.ref(Walker, "a").ask(Walker.call, () => "a"));
  await it.clock.settle();
  assert.equal(await answer, "a");
});

/** Counts the reads and the timers of a clock. */
class CountingClock extends VirtualClock implements Clock {
  reads = 0;
  timers = 0;

  override monotonicMs(): number {
    this.reads++;
    return super.monotonicMs();
  }

  override setTimer(delayMs: number, callback: () => void): () => void {
    this.timers++;
    return super.setTimer(delayMs, callback);
  }
}

Deno.test("a handler that returns at once costs no timer and no read of the clock for its limit", async () => {
  const Counter = protocol("counter", { add: tell(unchecked<number>()) });
  const costs: number[][] = [];
  for (const turnMs of [undefined, 1_000]) {
    const clock = new CountingClock();
    const counter = actor(Counter, {
      state: () => 0,
      on: { add: (ctx, n) => void (ctx.state += n) },
      ...turnMs !== undefined && { turnMs },
    });
    await using system = new System({
      actors: [counter],
      clock,
      random: seededRandom(1),
      drainMs: 0,
      log: false,
    });
    const main = system.ref(Counter, "main");
    for (let n = 0; n < 200; n++) void main.tell(Counter.add, n);
    await clock.settle();
    costs.push([clock.reads, clock.timers]);
  }
  assert.deepEqual(costs[1], costs[0]);
});

Deno.test("handlers that are awaited together share one timer of the clock", async () => {
  const clock = new CountingClock();
  const system = new System({
    actors: [worker({ hang: () => never }, limited)],
    clock,
    random: seededRandom(1),
    drainMs: 0,
    log: false,
  });
  await using _ = system;
  for (let n = 0; n < 100; n++) void ref(system, `a${n}`).tell(Worker.run, "hang");
  const before = clock.timers;
  await clock.settle();
  assert.ok(clock.timers - before <= 3, `${clock.timers - before} timers`);
  await clock.advance(1_000);
  assert.equal(system.stats().running, 0);
});

Deno.test("turnMs must be a whole number of milliseconds that a timer can wait", () => {
  for (const turnMs of [0, -1, 1.5, NaN, Infinity, 2 ** 31, "5" as never, null as never]) {
    assert.throws(
      () => worker({}, { turnMs }),
      /turnMs of worker: it must be a whole number of 1 to 2147483647: current/,
    );
  }
  worker({}, { turnMs: 1 });
  worker({}, { turnMs: 2 ** 31 - 1 });
});

inEach("whoever a failure goes to learns that the handler did not settle in time", async (world) => {
  const Asker = protocol("asker", {
    go: tell(unchecked<string>()),
    failed: tell(Failure),
    codes: ask(unchecked<readonly string[]>()),
  });
  const asker = actor(Asker, {
    state: (): readonly string[] => [],
    on: {
      go: (ctx, key) => {
        const failTo = ctx.self.at(Asker.failed);
        ctx.ref(Worker, key).submit(Worker.job, "hang", { failTo });
      },
      failed: (ctx, { code }) => void (ctx.state = [...ctx.state, code]),
      codes: (ctx) => ctx.state,
    },
  });
  const system = await world.start([worker({ hang: () => never }, limited), asker]);
  const main = system.ref(Asker, "main");
  await during(world, main.tell(Asker.go, "ada"));
  await world.pass(3_000, 100);
  assert.deepEqual(await during(world, main.ask(Asker.codes)), ["turn-timeout"]);
});

for (const stored of [false, true]) {
  Deno.test(`another service learns it too, ${stored ? "from a store" : "from memory"}`, async () => {
    const Remote = protocol("remote", {
      hang: ask(z.string(), z.string()),
      work: submit(z.string(), z.string()),
    });
    const remote = actor(Remote, {
      state: () => null,
      on: { hang: () => never, work: () => never },
      turnMs: 1_000,
      retry: { attempts: 1 },
    });
    await using services = new Services();
    const { memoryStore } = await import("@posthorn/posthorn/memory");
    const store = () => stored ? { store: memoryStore() } : {};
    await services.start("there", [remote], { ...store(), expose: [Remote] });
    const here = await services.start("here", [], { ...store(), remote: [Remote] });
    const ada = here.ref(Remote, "ada");
    assert.equal(
      await services.during(codeOf(ada.ask(Remote.hang, "", { timeoutMs: 10_000 }))),
      "turn-timeout",
    );
    const ticket = await services.during(ada.submit(Remote.work, ""));
    assert.equal(await services.during(codeOf(ticket.reply({ timeoutMs: 10_000 }))), "turn-timeout");
  });
}
