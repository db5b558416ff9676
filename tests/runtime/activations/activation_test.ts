import assert from "node:assert/strict";
import { event, protocol, RetryableError, TerminalError, unchecked } from "@posthorn/posthorn";
import {
  fail,
  note,
  notesOf,
  stage,
  Walker,
  walker,
  Worker,
  worker,
  type WorkerContext,
} from "../memory_stage.ts";

const News = protocol("news", { said: event(unchecked<string>()), heard: event(unchecked<string>()) });

// --- Commit and rollback

Deno.test("Activation keeps nothing of a turn that throws: no state, no message, no schedule, no subscription", async () => {
  await using it = stage(worker({ retry: { attempts: 1 } }));
  const ada = it.ref("ada");
  it.system.subscribe(News.heard, it.ref("bob").at(Worker.note));
  await ada.tell(Worker.note, "before");
  await ada.tell(Worker.run, (ctx) => {
    note(ctx, "lost");
    ctx.ref(Worker, "bob").tell(Worker.note, "lost");
    ctx.schedule("tick", { afterMs: 10 }, ctx.self.at(Worker.note), "lost");
    ctx.subscribe(News.said, ctx.ref(Worker, "bob").at(Worker.note));
    ctx.publish(News.heard, "lost");
    ctx.erase();
    fail();
  });
  await it.system.publish(News.said, "lost");
  await it.clock.advance(100);
  assert.deepEqual(await notesOf(ada), ["before"]);
  assert.deepEqual(await notesOf(it.ref("bob")), []);
});

Deno.test("Activation keeps nothing of a turn whose promise rejects", async () => {
  await using it = stage(worker({ retry: { attempts: 1 } }));
  const ada = it.ref("ada");
  await ada.tell(Worker.run, async (ctx) => {
    note(ctx, "lost");
    ctx.self.tell(Worker.note, "lost");
    await it.clock.settle();
    fail();
  });
  await it.clock.settle();
  assert.deepEqual(await notesOf(ada), []);
});

Deno.test("Activation lets what a turn sent leave when the turn commits, in the order of sending", async () => {
  await using it = stage(worker());
  const seen: unknown[] = [];
  await it.ref("ada").tell(Worker.run, async (ctx) => {
    for (const text of ["1", "2", "3"]) ctx.ref(Worker, "bob").tell(Worker.note, text);
    await it.clock.settle();
    seen.push(it.system.stats().protocols.worker.done);
  });
  await it.clock.advance(0);
  await it.clock.settle();
  assert.deepEqual(seen, [0]);
  assert.deepEqual(await notesOf(it.ref("bob")), ["1", "2", "3"]);
});

Deno.test("Activation handles a handler that returns no promise within one microtask, all that waits included", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const seen: string[] = [];
  for (const text of ["1", "2", "3"]) void ada.tell(Worker.run, () => seen.push(text));
  queueMicrotask(() => seen.push("microtask"));
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(seen, ["1", "2", "3", "microtask"]);
});

Deno.test("Activation holds the mailbox until an asynchronous turn has settled", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const gate = Promise.withResolvers<void>();
  await ada.tell(Worker.run, async (ctx) => {
    await gate.promise;
    note(ctx, "slow");
  });
  await ada.tell(Worker.note, "quick");
  await it.clock.settle();
  assert.deepEqual([it.system.stats().running, it.system.stats().waiting], [1, 1]);
  gate.resolve();
  assert.deepEqual(await notesOf(ada), ["slow", "quick"]);
});

Deno.test("Activation takes any thenable for a promise, also one that answers at once", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const answer = { then: (resolve: (value: string) => void) => resolve("now") };
  const replies = ["bob", "cyd"].map((key) => {
    const reply = ada.ask(Worker.call, () => answer);
    void ada.tell(Worker.run, (ctx) => ctx.ref(Worker, key).tell(Worker.note, "told"));
    return reply;
  });
  assert.deepEqual(await Promise.all(replies), ["now", "now"]);
  assert.deepEqual(await notesOf(it.ref("bob")), ["told"]);
  assert.deepEqual(await notesOf(it.ref("cyd")), ["told"]);
});

Deno.test("Activation fails the turn when what a handler returned cannot be awaited", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const trap = {
    get then() {
      return fail();
    },
  };
  await assert.rejects(ada.ask(Worker.call, () => trap), { code: "failed" });
  assert.equal(await ada.ask(Worker.call, () => "still here"), "still here");
});

Deno.test("Activation fails the turn when the initial state cannot be made", async () => {
  await using it = stage(worker({ state: fail }));
  await assert.rejects(it.ref("ada").ask(Worker.call, () => 1), { code: "failed" });
  assert.equal(it.system.stats().protocols.worker.actors, 0);
});

// --- Another attempt

Deno.test("Activation tries a failed message again in its place, and the others wait", async () => {
  await using it = stage(worker({ retry: { baseMs: 100 } }));
  const ada = it.ref("ada");
  void ada.tell(Worker.run, (ctx) => ctx.attempt < 3 ? fail() : note(ctx, "first"));
  void ada.tell(Worker.note, "second");
  await it.clock.advance(49);
  assert.equal(it.system.stats().waiting, 2);
  await it.clock.advance(251);
  assert.deepEqual(await notesOf(ada), ["first", "second"]);
});

Deno.test("Activation lets the others pass a failed message that steps aside", async () => {
  await using it = stage(worker({ retry: { baseMs: 100, order: "aside" } }));
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => ctx.attempt < 3 ? fail() : note(ctx, "first"));
  await ada.tell(Worker.note, "second");
  assert.deepEqual(await notesOf(ada), ["second"]);
  assert.equal(it.system.stats().waiting, 1);
  await it.clock.advance(300);
  assert.deepEqual(await notesOf(ada), ["second", "first"]);
});

Deno.test("Activation brings back in their order those that stepped aside together", async () => {
  const afterMs = 10;
  await using it = stage(worker({ retry: { order: "aside" } }));
  const ada = it.ref("ada");
  for (const text of ["1", "2", "3", "4"]) {
    await ada.tell(Worker.run, (ctx) => {
      if (ctx.attempt === 1) throw new RetryableError("later", { afterMs });
      note(ctx, text);
    });
  }
  await it.clock.advance(afterMs);
  assert.deepEqual(await notesOf(ada), ["1", "2", "3", "4"]);
});

Deno.test("Activation counts the attempts of one message, which keeps its id", async () => {
  await using it = stage(worker({ retry: { attempts: 3 } }));
  const attempts: unknown[] = [];
  await it.ref("ada").tell(Worker.run, (ctx) => {
    attempts.push([ctx.attempt, ctx.id]);
    fail();
  }, { id: "a-name" });
  await it.clock.advance(10_000);
  assert.deepEqual(attempts, [[1, "a-name"], [2, "a-name"], [3, "a-name"]]);
});

Deno.test("Activation makes a dead letter of a message after its last attempt, and goes on", async () => {
  await using it = stage(worker({ retry: { attempts: 2 } }));
  const ada = it.ref("ada");
  void ada.tell(Worker.run, fail);
  void ada.tell(Worker.note, "after");
  await it.clock.advance(10_000);
  assert.deepEqual(it.dead, ["ada run: failed"]);
  assert.deepEqual(await notesOf(ada), ["after"]);
});

Deno.test("Activation waits as long as a RetryableError says", async () => {
  await using it = stage(worker());
  const times: number[] = [];
  await it.ref("ada").tell(Worker.run, (ctx) => {
    times.push(it.clock.monotonicMs());
    if (ctx.attempt < 3) throw new RetryableError("busy", { afterMs: 1_234 });
  });
  await it.clock.advance(10_000);
  assert.deepEqual(times, [0, 1_234, 2_468]);
});

Deno.test("Activation never tries again what throws a TerminalError, and names the letter by its code", async () => {
  await using it = stage(worker());
  await it.ref("ada").tell(Worker.run, () => {
    throw new TerminalError("no such sku", { code: "unknown-sku" });
  });
  await it.clock.advance(100_000);
  const [letter] = it.system.deadLetters.list();
  assert.deepEqual([letter.reason, letter.attempts], ["unknown-sku", 1]);
});

Deno.test("Activation fails the asker of a failed turn at once, with no second attempt", async () => {
  await using it = stage(worker());
  let attempts = 0;
  const asking = it.ref("ada").ask(Worker.call, () => {
    attempts++;
    fail();
  });
  await assert.rejects(asking, { name: "DeadLetterError", code: "failed", message: /ada call failed: boom/ });
  await it.clock.advance(100_000);
  assert.equal(attempts, 1);
});

Deno.test("Activation hands the TerminalError of a handler to its asker", async () => {
  await using it = stage(worker());
  const asking = it.ref("ada").ask(Worker.call, () => {
    throw new TerminalError("no such sku", { code: "unknown-sku" });
  });
  await assert.rejects(asking, { name: "TerminalError", code: "unknown-sku", message: "no such sku" });
});

// --- Supervision

Deno.test("Activation goes on with onFailure resume, and is not activated again", async () => {
  await using it = stage(worker({ onFailure: "resume", retry: { attempts: 1 } })).watch(
    "activated",
    "restarted",
  );
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "before");
  await ada.tell(Worker.run, fail);
  assert.deepEqual(await notesOf(ada), ["before"]);
  assert.deepEqual(it.events, ["activated ada"]);
});

Deno.test("Activation begins again from its last committed state with onFailure restart", async () => {
  await using it = stage(worker({ retry: { attempts: 1 } })).watch("activated", "restarted");
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "before");
  await ada.tell(Worker.run, fail);
  assert.deepEqual(await notesOf(ada), ["before"]);
  assert.deepEqual(it.events, ["activated ada", "restarted ada", "activated ada"]);
});

Deno.test("a transient Activation begins again from its initial state with onFailure restart", async () => {
  await using it = stage(walker({ retry: { attempts: 1 }, state: () => ["initial"] }));
  const ada = it.walker("ada");
  await ada.tell(Walker.note, "before");
  await ada.tell(Walker.run, fail);
  assert.deepEqual(await ada.ask(Walker.call, (ctx) => ctx.state), ["initial"]);
});

Deno.test("Activation makes dead letters of all its mail with onFailure stop, and takes new mail afterwards", async () => {
  await using it = stage(worker({ onFailure: "stop" })).watch("stopped", "passivated");
  const ada = it.ref("ada");
  void ada.tell(Worker.note, "kept");
  void ada.tell(Worker.run, fail);
  void ada.tell(Worker.note, "waiting");
  const asking = ada.ask(Worker.call, () => 1);
  await assert.rejects(asking, { code: "stopped" });
  assert.deepEqual(it.dead, ["ada run: failed", "ada note: stopped", "ada call: stopped"]);
  assert.deepEqual(it.events, ["stopped ada", "passivated ada"]);
  assert.deepEqual(await notesOf(ada), ["kept"]);
});

Deno.test("Activation makes dead letters also of the messages that stepped aside when it stops", async () => {
  await using it = stage(worker({ retry: { order: "aside" }, limit: { restarts: 1 } }));
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "kept");
  await ada.tell(Worker.run, fail);
  await ada.tell(Worker.run, fail);
  await it.clock.settle();
  assert.deepEqual(it.dead, ["ada run: failed", "ada run: stopped"]);
  assert.equal(it.system.stats().waiting, 0);
});

Deno.test("Activation stops when it would restart more often than its limit", async () => {
  await using it = stage(worker({ limit: { restarts: 2, windowMs: 1_000 }, retry: { attempts: 1 } }));
  it.watch("restarted", "stopped");
  const ada = it.ref("ada");
  void ada.tell(Worker.note, "kept");
  for (let count = 0; count < 3; count++) void ada.tell(Worker.run, fail);
  void ada.tell(Worker.note, "waiting");
  await it.clock.settle();
  assert.deepEqual(it.events, ["restarted ada", "restarted ada", "stopped ada"]);
  assert.deepEqual(it.dead.at(-1), "ada note: stopped");
});

Deno.test("Activation counts a restart at the time at which its turn failed, not at which it began", async () => {
  await using it = stage(worker({ limit: { restarts: 1, windowMs: 1_000 }, retry: { attempts: 1 } }));
  it.watch("restarted", "stopped");
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "kept");
  const gate = Promise.withResolvers<void>();
  await ada.tell(Worker.run, () => gate.promise.then(fail));
  await it.clock.advance(900);
  gate.resolve();
  await it.clock.advance(200);
  await ada.tell(Worker.run, fail); // at 1,100: 200 after the restart
  await it.clock.settle();
  assert.deepEqual(it.events, ["restarted ada", "stopped ada"]);
});

Deno.test("Activation stops the system with onFailure escalate, and the system says why", async () => {
  await using it = stage(worker({ onFailure: "escalate" })).watch("escalated");
  const ada = it.ref("ada");
  void ada.tell(Worker.run, fail);
  void ada.tell(Worker.note, "waiting");
  const failure = await it.system.closed;
  assert.equal((failure as Error).message, "boom");
  assert.deepEqual(it.system.health, { status: "stopped", reason: "boom" });
  assert.deepEqual(it.dead, ["ada run: failed", "ada note: stopped"]);
  assert.deepEqual(it.events, ["escalated ada"]);
});

Deno.test("Activation leaves no actor behind when its first message fails", async () => {
  await using it = stage(worker({ retry: { attempts: 1 } }));
  await it.ref("ada").tell(Worker.run, fail);
  await it.clock.settle();
  assert.equal(it.system.stats().protocols.worker.actors, 0);
});

Deno.test("Activation leaves no actor behind when its first message fails and it resumes, and stays when a later one fails", async () => {
  await using it = stage(worker({ retry: { attempts: 1 }, onFailure: "resume" }));
  it.watch("activated");
  await it.ref("ada").tell(Worker.run, fail);
  await it.clock.settle();
  assert.equal(it.system.stats().protocols.worker.actors, 0);
  for (const script of [() => {}, fail, () => {}]) void it.ref("ada").tell(Worker.run, script);
  await it.clock.settle();
  assert.equal(it.system.stats().protocols.worker.actors, 1);
  assert.deepEqual(it.events, ["activated ada", "activated ada"]);
});

// --- Signals

Deno.test("Activation obeys a signal before any waiting message", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "erased");
  await it.clock.settle();
  void ada.tell(Worker.note, "waiting");
  it.system.signal(ada, "erase");
  assert.deepEqual(await notesOf(ada), ["waiting"]);
});

Deno.test("Activation obeys a signal that comes in its own turn before the next message", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  void ada.tell(Worker.run, (ctx) => {
    note(ctx, "erased");
    it.system.signal(ada, "erase");
  });
  void ada.tell(Worker.note, "waiting");
  assert.deepEqual(await notesOf(ada), ["waiting"]);
});

Deno.test("Activation obeys a signal that comes in its last turn, without waiting for a message", async () => {
  await using it = stage(worker()).watch("passivated");
  const ada = it.ref("ada");
  await ada.tell(Worker.run, () => it.system.signal(ada, "passivate"));
  await it.clock.settle();
  assert.deepEqual(it.events, ["passivated ada"]);
});

Deno.test("Activation obeys a signal after the turn that is awaited", async () => {
  await using it = stage(worker()).watch("done", "restarted");
  const ada = it.ref("ada");
  await ada.tell(Worker.run, () => it.clock.settle());
  await ada.tell(Worker.note, "waiting");
  await Promise.resolve();
  it.system.signal(ada, "restart");
  assert.deepEqual(it.events, []);
  await it.clock.advance(0);
  await it.clock.settle();
  assert.deepEqual(it.events, ["done ada run", "restarted ada", "done ada note"]);
});

Deno.test("Activation obeys a signal while it waits to try a message again, which keeps its place", async () => {
  await using it = stage(worker({ retry: { baseMs: 100 } }));
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "erased");
  await ada.tell(Worker.run, (ctx) => ctx.attempt === 1 ? fail() : note(ctx, "first"));
  await ada.tell(Worker.note, "second");
  await it.clock.settle();
  it.watch("erased");
  it.system.signal(ada, "erase");
  assert.deepEqual(it.events, ["erased ada"]);
  await it.clock.advance(100);
  assert.deepEqual(await notesOf(ada), ["first", "second"]);
});

Deno.test("Activation keeps its state when a signal passivates it, and takes the initial one when one restarts a transient one", async () => {
  await using it = stage(worker(), walker());
  const [ada, wim] = [it.ref("ada"), it.walker("wim")];
  await ada.tell(Worker.note, "kept");
  await wim.tell(Walker.note, "lost");
  await it.clock.settle();
  it.system.signal(ada, "passivate");
  it.system.signal(wim, "restart");
  assert.deepEqual(await notesOf(ada), ["kept"]);
  assert.deepEqual(await wim.ask(Walker.call, (ctx) => ctx.state), []);
});

Deno.test("Activation is not made by a signal", async () => {
  await using it = stage(worker());
  it.system.signal({ protocol: "worker", key: "nobody" }, "erase");
  it.system.signal({ protocol: "nothing", key: "nobody" }, "erase");
  await it.clock.settle();
  assert.equal(it.system.stats().protocols.worker.actors, 0);
});

// --- The end of an actor

Deno.test("Activation leaves memory with ctx.passivate, and its state is there again with the next message", async () => {
  await using it = stage(worker()).watch("activated", "passivated");
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => {
    note(ctx, "kept");
    ctx.passivate();
  });
  assert.deepEqual(await notesOf(ada), ["kept"]);
  assert.deepEqual(it.events, ["activated ada", "passivated ada", "activated ada"]);
});

Deno.test("Activation loses its state with ctx.passivate if onIdle is drop", async () => {
  await using it = stage(worker({ onIdle: "drop" }));
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => {
    note(ctx, "lost");
    ctx.passivate();
  });
  await it.clock.settle();
  assert.equal(it.system.stats().protocols.worker.actors, 0);
  assert.deepEqual(await notesOf(ada), []);
});

Deno.test("Activation erases state and schedules with ctx.erase, and no trace of the actor is left", async () => {
  await using it = stage(worker()).watch("erased");
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => {
    note(ctx, "erased");
    ctx.schedule("old", { afterMs: 10 }, ctx.self.at(Worker.note), "erased");
  });
  await ada.tell(Worker.run, (ctx) => {
    ctx.schedule("new", { everyMs: 10 }, ctx.self.at(Worker.note), "erased");
    ctx.passivate();
    ctx.erase();
    ctx.passivate();
  });
  await it.clock.settle();
  assert.deepEqual(it.events, ["erased ada"]);
  assert.equal(it.system.stats().protocols.worker.actors, 0);
  await it.clock.advance(100);
  assert.deepEqual(await notesOf(ada), []);
});

Deno.test("an erased Activation may use the name of an old schedule again", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  for (const [text, afterMs] of [["old", 10], ["new", 100]] as const) {
    void ada.tell(Worker.run, (ctx) => ctx.erase());
    void ada.tell(Worker.run, (ctx) => ctx.schedule("tick", { afterMs }, ctx.self.at(Worker.note), text));
  }
  await it.clock.advance(99);
  assert.deepEqual(await notesOf(ada), []);
  await it.clock.advance(1);
  assert.deepEqual(await notesOf(ada), ["new"]);
});

Deno.test("Activation that was erased is subscribed to nothing, not even by the same turn", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  it.system.subscribe(News.said, ada.at(Worker.note));
  it.system.subscribe(News.said, it.ref("bob").at(Worker.note));
  await it.system.publish(News.said, "1");
  await ada.tell(Worker.run, (ctx) => {
    ctx.subscribe(News.heard, ctx.self.at(Worker.note));
    ctx.erase();
  });
  await it.system.publish(News.said, "2");
  await it.system.publish(News.heard, "3");
  await it.clock.settle();
  assert.deepEqual(await notesOf(ada), []);
  assert.deepEqual(await notesOf(it.ref("bob")), ["1", "2"]);
});

Deno.test("Activation handles the mail that waited when it was erased, with a new state", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  void ada.tell(Worker.note, "erased");
  void ada.tell(Worker.run, (ctx) => ctx.erase());
  void ada.tell(Worker.note, "after");
  assert.deepEqual(await notesOf(ada), ["after"]);
});

// --- Bounds

Deno.test("Activation takes ten times its capacity from turns, and makes dead letters of the rest", async () => {
  await using it = stage(worker({ mailbox: { capacity: 2 } }));
  const gate = Promise.withResolvers<void>();
  await it.ref("bob").tell(Worker.run, () => gate.promise);
  await it.clock.settle();
  await it.ref("ada").tell(Worker.run, (ctx) => {
    for (let count = 0; count < 23; count++) ctx.ref(Worker, "bob").tell(Worker.note, "");
  });
  await it.clock.settle();
  assert.equal(it.system.stats().waiting, 20);
  assert.deepEqual(it.dead, Array(3).fill("bob note: mailbox-full"));
  gate.resolve();
});

Deno.test("Activation puts a message that stepped aside back into a full mailbox", async () => {
  await using it = stage(worker({ mailbox: { capacity: 1 }, retry: { order: "aside", baseMs: 100 } }));
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => ctx.attempt === 1 ? fail() : note(ctx, "aside"));
  await it.clock.settle();
  const gate = Promise.withResolvers<void>();
  await ada.tell(Worker.run, () => gate.promise);
  await it.clock.settle();
  await ada.tell(Worker.note, "full");
  await it.clock.advance(100);
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(await notesOf(ada), ["full", "aside"]);
});

Deno.test("Activation rejects, drops the oldest or drops the newest when its mailbox is full, as its overflow option says", async () => {
  for (
    const [overflow, kept, dead] of [
      ["reject", ["1", "2"], []],
      ["drop-oldest", ["2", "3"], ["ada note: dropped"]],
      ["drop-newest", ["1", "2"], ["ada note: dropped"]],
    ] as const
  ) {
    await using it = stage(worker({ mailbox: { capacity: 2, overflow } }));
    const ada = it.ref("ada");
    const sent = ["1", "2", "3"].map((text) => ada.tell(Worker.note, text));
    const outcomes = await Promise.allSettled(sent);
    assert.equal(outcomes[2].status, overflow === "reject" ? "rejected" : "fulfilled");
    assert.deepEqual(await notesOf(ada), kept);
    assert.deepEqual(it.dead, dead);
  }
});

Deno.test("Activation rejects an ask at once whose message is evicted from a full mailbox", async () => {
  await using it = stage(worker({ mailbox: { capacity: 1, overflow: "drop-oldest" } }));
  const ada = it.ref("ada");
  const asking = ada.ask(Worker.call, () => 1);
  await ada.tell(Worker.note, "newer");
  await assert.rejects(asking, { code: "dropped" });
});

// --- Messages of one operation in a row

Deno.test("Activation reports to an inspector that is added within a turn the end of that turn, and all later events", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  for (const count of [1, 2, 3, 4]) {
    void ada.tell(Worker.run, () => {
      if (count === 2) it.watch("started", "done");
    });
  }
  await it.clock.settle();
  const turn = ["started ada run", "done ada run"];
  assert.deepEqual(it.events, [turn[1], ...turn, ...turn]);
});

Deno.test("Activation goes on in order behind a failure, a promise, a deadline and an ask among messages in a row", async () => {
  await using it = stage(worker({ retry: { attempts: 2, baseMs: 1 } }));
  const ada = it.ref("ada");
  const noting = (text: string) => (ctx: WorkerContext) => void note(ctx, text);
  for (const text of ["1", "2"]) void ada.tell(Worker.run, noting(text));
  void ada.tell(Worker.run, (ctx) => ctx.attempt === 1 ? fail() : note(ctx, "3"));
  void ada.tell(Worker.run, noting("4"));
  void ada.tell(Worker.run, async (ctx) => {
    await Promise.resolve();
    note(ctx, "5");
  });
  void ada.tell(Worker.run, noting("6"), { timeoutMs: 1_000 });
  void ada.tell(Worker.run, noting("7"));
  const asked = ada.ask(Worker.call, (ctx) => ctx.state.length);
  void ada.tell(Worker.run, noting("8"));
  await it.clock.advance(100);
  assert.equal(await asked, 7);
  assert.deepEqual(await notesOf(ada), ["1", "2", "3", "4", "5", "6", "7", "8"]);
});

// --- Deadlines

Deno.test("Activation does not start what has expired: it is a dead letter", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const gate = Promise.withResolvers<void>();
  await ada.tell(Worker.run, () => gate.promise);
  await ada.tell(Worker.note, "expired", { timeoutMs: 100 });
  await ada.tell(Worker.note, "in time", { timeoutMs: 101 });
  await it.clock.advance(100);
  gate.resolve();
  await it.clock.settle();
  assert.deepEqual(await notesOf(ada), ["in time"]);
  assert.deepEqual(it.dead, ["ada note: deadline"]);
});

Deno.test("Activation does not try again what has expired meanwhile", async () => {
  await using it = stage(worker({ retry: { baseMs: 1_000 } }));
  await it.ref("ada").tell(Worker.run, fail, { timeoutMs: 400 });
  await it.clock.advance(1_000);
  assert.deepEqual(it.dead, ["ada run: deadline"]);
});

Deno.test("Activation sets no more messages aside than its mailbox holds", async () => {
  await using it = stage(
    worker({ mailbox: { capacity: 3 }, retry: { order: "aside" }, onFailure: "resume" }),
  );
  for (let n = 0; n < 4; n++) {
    await it.ref("ada").tell(Worker.run, fail);
    await it.clock.settle();
  }
  // Three are set aside, the fourth holds: the mailbox fills up behind it.
  for (let n = 0; n < 2; n++) await it.ref("ada").tell(Worker.note, "");
  await assert.rejects(it.ref("ada").tell(Worker.note, ""), { code: "mailbox-full" });
  assert.equal(it.system.stats().waiting, 6);
});

Deno.test("Activation leaves memory when its last schedule for another actor has fired", async () => {
  await using it = stage(worker({ idleMs: 10 }));
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.schedule("reminder", { afterMs: 100 }, ctx.ref(Worker, "bob").at(Worker.note), "now");
  });
  await it.clock.advance(99);
  assert.equal(it.system.stats().protocols.worker.actors, 1);
  await it.clock.advance(1);
  assert.deepEqual(await notesOf(it.ref("bob")), ["now"]);
  await it.clock.advance(100);
  assert.equal(it.system.stats().protocols.worker.actors, 1); // bob, who recorded it
});

Deno.test("Activation follows a signal that came during a turn which then fails", async () => {
  await using it = stage(worker());
  const gate = Promise.withResolvers<void>();
  await it.ref("ada").tell(Worker.note, "kept");
  await it.ref("ada").tell(Worker.run, async () => {
    await gate.promise;
    throw new Error("boom");
  });
  await it.clock.settle();
  it.watch();
  it.system.signal({ protocol: "worker", key: "ada" }, "erase");
  gate.resolve();
  await it.clock.settle();
  assert.ok(it.events.some((event) => event.startsWith("erased")), it.events.join());
});
