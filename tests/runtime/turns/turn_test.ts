import assert from "node:assert/strict";
import { DeadlockError, type System } from "@posthorn/posthorn";
import { VirtualClock } from "@posthorn/posthorn/testing";
import {
  note,
  notesOf,
  Stage,
  stage,
  Walker,
  walker,
  type WalkerScript,
  Worker,
  worker,
  type WorkerContext,
} from "../memory_stage.ts";

// --- Properties of the context

Deno.test("Turn has its key, and the id, cause and correlation of its message", async () => {
  await using it = stage(worker());
  const seen: Record<string, unknown[]> = {};
  const look = (ctx: WorkerContext) => seen[ctx.key] = [ctx.id, ctx.causationId, ctx.correlationId];
  await it.ref("ada").tell(Worker.run, (ctx) => {
    look(ctx);
    ctx.ref(Worker, "bob").tell(Worker.run, (ctx) => {
      look(ctx);
      ctx.ref(Worker, "cyd").tell(Worker.run, look, { id: "third" });
    }, { id: "second" });
  }, { id: "first" });
  await it.clock.settle();
  assert.deepEqual(seen, {
    ada: ["first", undefined, "first"],
    bob: ["second", "first", "first"],
    cyd: ["third", "second", "first"],
  });
});

Deno.test("Turn has one time, however long it takes", async () => {
  await using it = stage(worker());
  const asking = it.ref("ada").ask(Worker.call, async (ctx) => {
    const before = ctx.now;
    await wait(it, 100);
    return [before, ctx.now];
  });
  await it.clock.advance(100);
  const beganMs = it.clock.now() - 100;
  assert.deepEqual(await asking, [beganMs, beganMs]);
});

Deno.test("Turn sees the state that it has assigned", async () => {
  await using it = stage(worker());
  const reply = it.ref("ada").ask(Worker.call, (ctx) => {
    note(ctx, "1");
    note(ctx, "2");
    return ctx.state;
  });
  assert.deepEqual(await reply, ["1", "2"]);
});

Deno.test("Turn refuses everything once it is over", async () => {
  await using it = stage(worker(), walker());
  let left!: WorkerContext;
  let walked!: Parameters<WalkerScript>[0];
  await it.ref("ada").tell(Worker.run, (ctx) => void (left = ctx));
  await it.walker("wim").tell(Walker.run, (ctx) => void (walked = ctx));
  await it.clock.settle();
  const attempts: (() => unknown)[] = [
    () => left.state = [],
    () => left.self.tell(Worker.note, ""),
    () => left.ref(Worker, "bob").submit(Worker.job, () => 1),
    () => left.schedule("tick", { afterMs: 1 }, left.self.at(Worker.note), ""),
    () => left.cancel("tick"),
    () => left.passivate(),
    () => left.erase(),
    () => walked.ref(Worker, "bob").ask(Worker.call, () => 1),
  ];
  for (const attempt of attempts) assert.throws(attempt, { code: "turn-over" }, String(attempt));
  assert.deepEqual(left.state, []);
});

Deno.test("Turn lets only a transient actor ask", async () => {
  await using it = stage(worker());
  const asking = it.ref("ada").ask(Worker.call, async (ctx) => {
    const walking = ctx as unknown as Parameters<WalkerScript>[0];
    await walking.ref(Worker, "bob").ask(Worker.call, () => "never");
  });
  await assert.rejects(asking, { message: /only a transient actor may wait for others/ });
  assert.equal(it.system.stats().protocols.worker.actors, 0); // bob was not activated for it
});

Deno.test("Turn refuses an invalid time", async () => {
  await using it = stage(worker());
  for (
    const when of [
      { afterMs: -1 },
      { afterMs: NaN },
      { afterMs: Infinity },
      { afterMs: "100" as never },
      { everyMs: 0 },
      { everyMs: 0.5 },
      { everyMs: Infinity },
      { everyMs: "100" as never },
      { at: new Date(NaN) },
      { at: 5 as never },
    ]
  ) {
    const asking = it.ref("ada").ask(Worker.call, (ctx) => {
      ctx.schedule("tick", when, ctx.self.at(Worker.note), "");
    });
    await assert.rejects(asking, { code: "failed", message: /Cannot schedule tick: / }, JSON.stringify(when));
  }
});

Deno.test("Turn refuses a name that a store could not tell from others, and takes it for no schedule's", async () => {
  await using it = stage(worker());
  for (const name of ["", "a\ud800", "a\u001fb", "x".repeat(513)]) {
    const asking = it.ref("ada").ask(Worker.call, (ctx) => {
      ctx.cancel(name);
      ctx.schedule(name, { afterMs: 1 }, ctx.self.at(Worker.note), "");
    });
    await assert.rejects(asking, {
      code: "failed",
      message: /Cannot schedule .*: a name is 1 to 512 bytes of text: /,
    });
  }
});

// --- The signal

Deno.test("Turn has its signal aborted at the deadline of its message", async () => {
  await using it = stage(worker());
  const signals: AbortSignal[] = [];
  await it.ref("ada").tell(Worker.run, (ctx) => {
    signals.push(ctx.signal, ctx.signal);
    return wait(it, 1_000);
  }, { timeoutMs: 100 });
  await it.clock.advance(99);
  assert.equal(signals[0], signals[1]);
  assert.equal(signals[0].aborted, false);
  await it.clock.advance(1);
  assert.equal(signals[0].reason.code, "deadline");
});

Deno.test("Turn has its signal aborted when the system stops without waiting any longer", async () => {
  const it = stage(worker());
  let signal!: AbortSignal;
  await it.ref("ada").tell(Worker.run, (ctx) => {
    signal = ctx.signal;
    return new Promise(() => {});
  });
  const stopping = it.system.stop({ drainMs: 100 });
  await it.clock.advance(99);
  assert.equal(signal.aborted, false);
  await it.clock.advance(1);
  await stopping;
  assert.equal(signal.reason.code, "stopping");
});

Deno.test("Turn has an aborted signal when it looks only after the system stopped", async () => {
  const it = stage(worker());
  const gate = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<AbortSignal>();
  await it.ref("ada").tell(Worker.run, async (ctx) => {
    await gate.promise;
    seen.resolve(ctx.signal);
  }, { timeoutMs: 1_000 });
  await it[Symbol.asyncDispose]();
  gate.resolve();
  assert.equal((await seen.promise).reason.code, "stopping");
  assert.equal(it.clock.waiting, 0);
});

Deno.test("Turn leaves no timer behind for a signal, neither one that was looked at in time nor one too late", async () => {
  await using it = stage(worker());
  const left: WorkerContext[] = [];
  await it.ref("ada").tell(Worker.run, (ctx) => void (ctx.signal, left.push(ctx)), { timeoutMs: 100 });
  await it.ref("ada").tell(Worker.run, (ctx) => void left.push(ctx), { timeoutMs: 100 });
  await it.clock.settle();
  const signals = left.map(({ signal }) => signal);
  await it.clock.advance(1_000);
  assert.deepEqual(signals.map(({ aborted }) => aborted), [false, false]);
});

// --- Schedules

Deno.test("Turn schedules a message after a while, once", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(
    Worker.run,
    (ctx) => ctx.schedule("tick", { afterMs: 10 }, ctx.self.at(Worker.note), "tick"),
  );
  await it.clock.advance(9);
  assert.deepEqual(await notesOf(ada), []);
  await it.clock.advance(100);
  assert.deepEqual(await notesOf(ada), ["tick"]);
});

Deno.test("Turn schedules a message at a time, and at once when that has passed", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const nowMs = it.clock.now();
  await ada.tell(Worker.run, (ctx) => {
    ctx.schedule("past", { at: new Date(0) }, ctx.self.at(Worker.note), "past");
    ctx.schedule("then", { at: new Date(nowMs + 50) }, ctx.self.at(Worker.note), "then");
  });
  await it.clock.advance(49);
  assert.deepEqual(await notesOf(ada), ["past"]);
  await it.clock.advance(1);
  assert.deepEqual(await notesOf(ada), ["past", "then"]);
});

Deno.test("Turn schedules a message again and again", async () => {
  await using it = stage(worker());
  const times: number[] = [];
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.schedule("tick", { everyMs: 10 }, ctx.self.at(Worker.run), () => times.push(it.clock.monotonicMs()));
  });
  await it.clock.advance(35);
  assert.deepEqual(times, [10, 20, 30]);
});

Deno.test("Turn keeps the rhythm of a schedule, and ticks that were missed come as one", async () => {
  const clock = new StallingClock();
  await using it = new Stage({ actors: [worker()], clock });
  const times: number[] = [];
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.schedule("tick", { everyMs: 10 }, ctx.self.at(Worker.run), () => times.push(clock.monotonicMs()));
  });
  await clock.advance(10);
  clock.stall(35); // the tick of 20 arrives at 55
  await clock.advance(20);
  assert.deepEqual(times, [10, 55, 60]);
});

Deno.test("Turn replaces what it scheduled under the same name", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => ctx.schedule("tick", { afterMs: 10 }, ctx.self.at(Worker.note), "old"));
  await ada.tell(Worker.run, (ctx) => ctx.schedule("tick", { afterMs: 20 }, ctx.self.at(Worker.note), "new"));
  await it.clock.advance(19);
  assert.deepEqual(await notesOf(ada), []);
  await it.clock.advance(1);
  assert.deepEqual(await notesOf(ada), ["new"]);
});

Deno.test("Turn takes back what was scheduled, also earlier in the same turn", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => ctx.schedule("one", { everyMs: 10 }, ctx.self.at(Worker.note), "one"));
  await ada.tell(Worker.run, (ctx) => {
    ctx.schedule("two", { afterMs: 10 }, ctx.self.at(Worker.note), "two");
    ctx.cancel("one");
    ctx.cancel("two");
    ctx.cancel("three");
  });
  await it.clock.advance(100);
  assert.deepEqual(await notesOf(ada), []);
});

Deno.test("Turn delivers what is due at the same time in the order in which it was scheduled", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const names = ["a", "b", "c", "d", "e"];
  await ada.tell(Worker.run, (ctx) => {
    for (const name of names) ctx.schedule(name, { afterMs: 10 }, ctx.self.at(Worker.note), name);
  });
  await it.clock.advance(10);
  assert.deepEqual(await notesOf(ada), names);
});

Deno.test("Turn keeps what was scheduled before when a later turn that changes it fails", async () => {
  await using it = stage(worker({ retry: { attempts: 1 } }));
  const ada = it.ref("ada");
  await ada.tell(
    Worker.run,
    (ctx) => ctx.schedule("tick", { afterMs: 10 }, ctx.self.at(Worker.note), "kept"),
  );
  await ada.tell(Worker.run, (ctx) => {
    ctx.cancel("tick");
    throw new Error("boom");
  });
  await it.clock.advance(10);
  assert.deepEqual(await notesOf(ada), ["kept"]);
});

Deno.test("Turn fails when its actor would have more than 1,000 schedules", async () => {
  await using it = stage(worker({ onFailure: "resume" }));
  const ada = it.ref("ada");
  const schedule = (from: number, to: number) =>
    ada.ask(Worker.call, (ctx) => {
      for (let name = from; name < to; name++) {
        ctx.schedule(`${name}`, { afterMs: 10 }, ctx.ref(Worker, "bob").at(Worker.note), "");
      }
    });
  await schedule(0, 1_000);
  await schedule(500, 1_000);
  await assert.rejects(schedule(999, 1_001), { code: "failed", message: /1001 of 1000 schedules/ });
  await it.clock.advance(10);
  assert.equal((await notesOf(it.ref("bob")) as unknown[]).length, 1_000);
  await schedule(0, 1_000);
});

Deno.test("Turn's schedules outlast the passivation of their actor", async () => {
  await using it = stage(walker());
  const wim = it.walker("wim");
  await wim.tell(Walker.run, (ctx) => {
    ctx.schedule("tick", { afterMs: 10 }, ctx.self.at(Walker.note), "tick");
    ctx.passivate();
  });
  await it.clock.advance(10);
  assert.deepEqual(await wim.ask(Walker.call, (ctx) => ctx.state), ["tick"]);
});

// --- Asking within a turn

Deno.test("Turn asks another actor, and goes on with the reply", async () => {
  await using it = stage(worker(), walker());
  const asking = it.walker("wim").ask(Walker.call, async (ctx) => {
    const reply = await ctx.ref(Worker, "ada").ask(Worker.call, (ctx) => ctx.key);
    return `${ctx.key} asked ${reply}`;
  });
  assert.equal(await asking, "wim asked ada");
});

Deno.test("Turn lets its mail to an actor arrive before its ask to the same actor", async () => {
  await using it = stage(worker(), walker());
  const asking = it.walker("wim").ask(Walker.call, (ctx) => {
    const ada = ctx.ref(Worker, "ada");
    ada.tell(Worker.note, "1");
    ctx.ref(Worker, "bob").tell(Worker.note, "stays until the commit");
    ada.tell(Worker.note, "2");
    return ada.ask(Worker.call, (ctx) => [ctx.state, it.system.stats().protocols.worker.actors]);
  });
  assert.deepEqual(await asking, [["1", "2"], 1]);
  assert.deepEqual(await notesOf(it.ref("bob")), ["stays until the commit"]);
});

Deno.test("Turn cannot wait longer for another than its own message may take", async () => {
  await using it = stage(worker(), walker());
  let code: unknown;
  await it.walker("wim").tell(Walker.run, async (ctx) => {
    const asking = ctx.ref(Worker, "ada").ask(Worker.call, () => new Promise(() => {}), {
      timeoutMs: 10_000,
    });
    await asking.catch((error) => code = error.code);
  }, { timeoutMs: 100 });
  await it.clock.advance(100);
  assert.equal(code, "deadline");
});

/** A chain of asks: the first key asks the second, and so on; the last runs `end`. */
function chain(keys: readonly string[], end: WalkerScript): WalkerScript {
  const [next, ...rest] = keys;
  if (next === undefined) return end;
  return (ctx) => ctx.ref(Walker, next).ask(Walker.call, chain(rest, end));
}

for (const keys of [["ann"], ["ann", "bea"], ["ann", "bea", "cat", "dot", "eve"]]) {
  Deno.test(`Turn fails an ask at once that would wait for itself over ${keys.length} actors, naming them`, async () => {
    await using it = stage(walker());
    const [first, ...rest] = keys;
    const errors: unknown[] = [];
    const back: WalkerScript = (ctx) =>
      ctx.ref(Walker, first).ask(Walker.call, () => "never").catch((error) => void errors.push(error));
    await it.walker(first).ask(Walker.call, chain(rest, back));
    const [error] = errors;
    assert(error instanceof DeadlockError);
    const names = [keys.at(-1), ...keys].map((key) => `walker/${key}`);
    assert.deepEqual(error.chain, names);
    assert(error.message.endsWith(names.join(" → ")));
  });
}

Deno.test("Turn fails the ask that would close a cycle of chains that began apart", async () => {
  await using it = stage(walker());
  const gate = Promise.withResolvers<void>();
  const askAfterGate = (key: string): WalkerScript => async (ctx) => {
    await gate.promise;
    return await ctx.ref(Walker, key).ask(Walker.call, () => "never");
  };
  // ann waits for bea, cat for dot; then bea asks cat, and dot asks ann.
  const one = it.walker("ann").ask(Walker.call, chain(["bea"], askAfterGate("cat")));
  const other = it.walker("cat").ask(Walker.call, chain(["dot"], askAfterGate("ann")));
  await it.clock.settle();
  gate.resolve();
  const outcomes = await Promise.allSettled([one, other]);
  const [message] = outcomes.flatMap((outcome) =>
    outcome.status === "rejected" ? [outcome.reason.message] : []
  );
  const codes = outcomes.map((outcome) => outcome.status === "rejected" ? outcome.reason.code : "answered");
  // the outside caller gets the error, and the others can continue
  assert.deepEqual(codes, ["answered", "cycle"]);
  assert.ok(it.dead.every((line) => line.endsWith(": cycle")), it.dead.join());
  assert.match(message, /walker\/dot → walker\/ann → walker\/bea → walker\/cat → walker\/dot/);
});

Deno.test("Turn may ask an actor that asked it before, once that has its answer", async () => {
  await using it = stage(walker());
  const [ann, bea] = [it.walker("ann"), it.walker("bea")];
  assert.equal(await ann.ask(Walker.call, chain(["bea"], () => 1)), 1);
  assert.equal(await bea.ask(Walker.call, chain(["ann"], () => 2)), 2);
});

Deno.test("Turn that ended without waiting for its ask is no part of a cycle", async () => {
  await using it = stage(walker());
  const gate = Promise.withResolvers<void>();
  const replies: unknown[] = [];
  const later: WalkerScript = async (ctx) => {
    await gate.promise;
    return await ctx.ref(Walker, "ann").ask(Walker.call, () => "free");
  };
  await it.walker("ann").ask(Walker.call, (ctx) => {
    void ctx.ref(Walker, "bea").ask(Walker.call, later).then((reply) => replies.push(reply));
    return Promise.resolve();
  });
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(replies, ["free"]);
});

Deno.test("Turn that has its answer and goes on is no part of a cycle", async () => {
  await using it = stage(walker());
  const gate = Promise.withResolvers<void>();
  const first = it.walker("ann").ask(Walker.call, async (ctx) => {
    await ctx.ref(Walker, "bea").ask(Walker.call, () => 1);
    await gate.promise;
  });
  await it.clock.settle();
  const second = it.walker("bea").ask(Walker.call, chain(["ann"], () => 2));
  await it.clock.settle();
  gate.resolve();
  assert.deepEqual(await Promise.all([first, second]), [undefined, 2]);
});

Deno.test("Turn that waits for two actors at once is found over either", async () => {
  await using it = stage(walker());
  const back: WalkerScript = (ctx) =>
    ctx.ref(Walker, "ann").ask(Walker.call, () => 1).catch(({ code }) => code);
  const asking = it.walker("ann").ask(
    Walker.call,
    (ctx) => Promise.all(["bea", "cat"].map((key) => ctx.ref(Walker, key).ask(Walker.call, back))),
  );
  assert.deepEqual(await asking, ["cycle", "cycle"]);
});

/** A clock whose process can be blocked for a while. */
class StallingClock extends VirtualClock {
  #stalledMs = 0;

  stall(byMs: number): void {
    this.#stalledMs += byMs;
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#stalledMs;
  }
}

function wait(it: { readonly clock: VirtualClock; readonly system: System }, delayMs: number): Promise<void> {
  return new Promise((resolve) => it.clock.setTimer(delayMs, resolve));
}
