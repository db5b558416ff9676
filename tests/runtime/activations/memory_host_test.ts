import assert from "node:assert/strict";
import { note, notesOf, Stage, stage, Walker, walker, Worker, worker } from "../memory_stage.ts";

function actorsOf(it: Stage): number {
  return it.system.stats().protocols.worker.actors;
}

Deno.test("MemoryHost passivates an actor that was idle for idleMs, and keeps its state", async () => {
  await using it = stage(worker({ idleMs: 1_000 })).watch("activated", "passivated");
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "kept");
  await it.clock.advance(999);
  assert.deepEqual(it.events, ["activated ada"]);
  await it.clock.advance(1);
  assert.deepEqual(it.events, ["activated ada", "passivated ada"]);
  assert.deepEqual(await notesOf(ada), ["kept"]);
});

Deno.test("MemoryHost keeps no trace of a passivated actor if onIdle is drop", async () => {
  await using it = stage(worker({ idleMs: 1_000, onIdle: "drop" }));
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "lost");
  await it.clock.advance(1_000);
  assert.equal(actorsOf(it), 0);
  assert.deepEqual(await notesOf(ada), []);
});

Deno.test("MemoryHost lets no trace of a passivated actor stay that never committed a state", async () => {
  await using it = stage(worker({ idleMs: 1_000 }));
  await notesOf(it.ref("ada"));
  assert.equal(actorsOf(it), 1);
  await it.clock.advance(1_000);
  assert.equal(actorsOf(it), 0);
});

Deno.test("MemoryHost drops the state of a transient actor when it passivates", async () => {
  await using it = stage(walker({ idleMs: 1_000 }));
  const wim = it.walker("wim");
  await wim.tell(Walker.note, "lost");
  await it.clock.advance(1_000);
  assert.deepEqual(await wim.ask(Walker.call, (ctx) => ctx.state), []);
});

Deno.test("MemoryHost keeps a transient actor that has a schedule", async () => {
  await using it = stage(walker({ idleMs: 1_000 }));
  await it.walker("wim").tell(Walker.run, (ctx) => {
    ctx.schedule("tick", { afterMs: 5_000 }, ctx.self.at(Walker.note), "tick");
  });
  await it.clock.advance(4_000);
  assert.equal(it.system.stats().protocols.walker.actors, 1);
});

Deno.test("MemoryHost keeps an actor whose turn takes longer than idleMs", async () => {
  await using it = stage(worker({ idleMs: 1_000 })).watch("passivated");
  const gate = Promise.withResolvers<void>();
  const ada = it.ref("ada");
  await ada.tell(Worker.run, async (ctx) => {
    await gate.promise;
    note(ctx, "late");
  });
  await it.clock.advance(10_000);
  assert.deepEqual(it.events, []);
  gate.resolve();
  assert.deepEqual(await notesOf(ada), ["late"]);
});

Deno.test("MemoryHost keeps an actor that waits to try a message again", async () => {
  await using it = stage(worker({ idleMs: 100, onIdle: "drop", retry: { baseMs: 1_000 } })).watch(
    "passivated",
  );
  const ada = it.ref("ada");
  await ada.tell(Worker.note, "kept");
  await ada.tell(Worker.run, (ctx) => {
    if (ctx.attempt === 1) throw new Error("boom");
    note(ctx, "again");
  });
  await it.clock.advance(400);
  assert.deepEqual(it.events, []);
});

Deno.test("MemoryHost never passivates if idleMs is Infinity", async () => {
  await using it = stage(worker({ idleMs: Infinity }));
  await it.ref("ada").tell(Worker.note, "kept");
  await it.clock.settle();
  assert.equal(it.clock.waiting, 0);
});

Deno.test("MemoryHost passivates within twice idleMs of the last turn, whatever the others do", async () => {
  await using it = stage(worker({ idleMs: 800 }));
  const last = new Map<string, number>();
  const late: string[] = [];
  it.system.inspect((event) => {
    const nowMs = it.clock.monotonicMs();
    if (event.type === "done") last.set(event.message.key, nowMs);
    if (event.type !== "passivated") return;
    const idleMs = nowMs - last.get(event.actor.key)!;
    last.delete(event.actor.key);
    if (idleMs < 800 || idleMs > 1_600) late.push(`${event.actor.key} after ${idleMs}`);
  });
  for (let tick = 0; tick < 40; tick++) {
    await it.ref(`${tick % 9}`).tell(Worker.note, "");
    await it.ref("busy").tell(Worker.note, "");
    await it.clock.advance(tick % 7 * 40);
  }
  await it.clock.advance(3_200);
  assert.deepEqual(late, []);
  assert.deepEqual([...last.keys()], []);
});

Deno.test("MemoryHost holds one timer for all idle actors, and none when all are passivated", async () => {
  await using it = stage(worker({ idleMs: 1_000 }));
  for (let key = 0; key < 100; key++) await it.ref(`${key}`).tell(Worker.note, "");
  assert.equal(it.clock.waiting, 1);
  await it.clock.advance(2_000);
  assert.equal(it.clock.waiting, 0);
});

Deno.test("MemoryHost refuses one actor too many, and has room again when one is gone", async () => {
  await using it = new Stage({ actors: [worker()], limits: { actors: 2 } });
  await it.ref("ada").tell(Worker.note, "");
  await it.ref("bob").tell(Worker.note, "");
  await assert.rejects(it.ref("cyd").tell(Worker.note, ""), {
    name: "LimitExceededError",
    code: "too-many-actors",
    message: "Cannot activate worker/cyd: the system holds 2 of 2 actors",
  });
  assert.equal(it.system.stats().accepted, 2);
  it.system.signal(it.ref("ada"), "erase");
  await it.clock.settle();
  await it.ref("cyd").tell(Worker.note, "");
});

Deno.test("MemoryHost makes a dead letter of what a turn sends to one actor too many", async () => {
  await using it = new Stage({ actors: [worker()], limits: { actors: 1 } });
  await it.ref("ada").tell(Worker.run, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, ""));
  await it.clock.settle();
  assert.deepEqual(it.dead, ["bob note: too-many-actors"]);
});

Deno.test("MemoryHost counts the actors of all protocols together", async () => {
  await using it = new Stage({ actors: [worker(), walker()], limits: { actors: 1 } });
  await it.ref("ada").tell(Worker.note, "");
  await assert.rejects(it.walker("wim").tell(Walker.note, ""), { code: "too-many-actors" });
});

Deno.test("MemoryHost keeps nothing of actors that came and went, also not to look whether they are idle", async () => {
  await using it = stage(worker({ idleMs: 8_000 }));
  await it.ref("ada").ask(Worker.call, () => 1);
  await it.clock.advance(1_500);
  await it.ref("bob").ask(Worker.call, () => 1);
  it.watch();
  await it.clock.advance(6_500); // ada is checked, and bob is not yet due
  assert.deepEqual(it.events, ["passivated ada"]);
  await it.clock.advance(1_500);
  assert.deepEqual(it.events, ["passivated ada", "passivated bob"]);
});

Deno.test("MemoryHost lets its actors send to those of several types in turn, whether they are in memory or not", async () => {
  await using it = stage(worker(), walker());
  const ada = it.ref("ada");
  await ada.tell(Worker.run, (ctx) => {
    for (const text of ["1", "2"]) {
      ctx.ref(Walker, "wim").tell(Walker.note, text);
      ctx.ref(Worker, "bob").tell(Worker.note, text);
      ctx.ref(Walker, "absent").tell(Walker.note, text);
    }
  });
  await it.clock.settle();
  await ada.tell(Worker.run, (ctx) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "3");
    ctx.ref(Walker, "wim").tell(Walker.note, "3");
  });
  assert.deepEqual(await notesOf(it.ref("bob")), ["1", "2", "3"]);
  const notes = (key: string) => it.walker(key).ask(Walker.call, (ctx) => ctx.state);
  assert.deepEqual([await notes("wim"), await notes("absent")], [["1", "2", "3"], ["1", "2"]]);
});
