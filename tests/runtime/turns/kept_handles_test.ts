import assert from "node:assert/strict";
import {
  actor,
  type Context,
  protocol,
  type Ref,
  System,
  tell,
  type TurnRef,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { fail, note, notesOf, Stage, stage, Walker, walker, Worker, worker } from "../memory_stage.ts";

Deno.test("A kept handle sends with the commit of the turn that takes it up, and nothing where that turn fails", async () => {
  await using it = stage(worker({ retry: { attempts: 1 }, onFailure: "resume" }));
  const bob = it.ref("bob");
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.ref(bob).tell(Worker.note, "never");
    fail();
  });
  await it.ref("ada").tell(Worker.run, (ctx) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "1");
    ctx.ref(bob).tell(Worker.note, "2");
    ctx.ref(Worker, "bob").tell(Worker.note, "3");
  });
  await it.clock.settle();
  assert.deepEqual(await notesOf(bob), ["1", "2", "3"]);
});

Deno.test("A handle of one turn is taken up by later ones, of its own actor and of others, and itself still throws", async () => {
  await using it = stage(worker());
  let kept!: TurnRef<"worker">;
  await it.ref("ada").tell(Worker.run, (ctx) => void (kept = ctx.ref(Worker, "bob")));
  for (const key of ["ada", "ada", "cyd"]) {
    await it.ref(key).tell(Worker.run, (ctx) => {
      assert.throws(() => kept.tell(Worker.note, "of a turn that is over"), { code: "turn-over" });
      ctx.ref(kept).tell(Worker.note, `from ${key}`);
    });
  }
  await it.clock.settle();
  assert.throws(() => kept.tell(Worker.note, "of a turn that is over"), { code: "turn-over" });
  assert.deepEqual(await notesOf(it.ref("bob")), ["from ada", "from ada", "from cyd"]);
});

Deno.test("What was made of a kept handle throws once its turn is over, also in the next turn of the same actor", async () => {
  await using it = stage(worker());
  const bob = it.ref("bob");
  let leaked!: TurnRef<"worker">;
  await it.ref("ada").tell(Worker.run, (ctx) => void (leaked = ctx.ref(bob)));
  await it.ref("ada").tell(Worker.run, (ctx) => {
    const own = ctx.ref(bob);
    assert.throws(() => leaked.tell(Worker.note, "leaked"), { code: "turn-over" });
    own.tell(Worker.note, "own");
  });
  await it.clock.settle();
  assert.deepEqual(await notesOf(bob), ["own"]);
});

Deno.test("A kept handle reaches its actor when that was passivated, erased or has left memory meanwhile", async () => {
  await using it = stage(worker({ onIdle: "keep" }));
  const bob = it.ref("bob");
  let kept!: TurnRef<"worker">;
  const send = (text: string) =>
    it.ref("ada").tell(Worker.run, (ctx) => {
      ctx.ref(bob).tell(Worker.note, `${text} by a ref`);
      ctx.ref(kept ??= ctx.ref(Worker, "bob")).tell(Worker.note, `${text} by a turn's`);
    });
  await send("new");
  await it.clock.settle();
  assert.deepEqual(await notesOf(bob), ["new by a ref", "new by a turn's"]);
  await bob.tell(Worker.run, (ctx) => ctx.passivate());
  await send("stopped");
  await it.clock.settle();
  assert.deepEqual((await notesOf(bob) as string[]).slice(2), ["stopped by a ref", "stopped by a turn's"]);
  await bob.tell(Worker.run, (ctx) => ctx.erase());
  await it.clock.settle();
  assert.equal(it.system.stats().protocols.worker.actors, 1); // ada alone
  await send("erased");
  await send("again");
  await it.clock.settle();
  assert.deepEqual(await notesOf(bob), [
    "erased by a ref",
    "erased by a turn's",
    "again by a ref",
    "again by a turn's",
  ]);
});

Deno.test("A handle that was kept in another system reaches this system's own actor, and still its own from outside", async () => {
  await using here = stage(worker());
  await using there = stage(worker());
  const foreign = there.ref("bob");
  for (const text of ["1", "2"]) {
    await here.ref("ada").tell(Worker.run, (ctx) => ctx.ref(foreign).tell(Worker.note, text));
    await foreign.tell(Worker.note, `there ${text}`);
  }
  await here.clock.settle();
  await there.clock.settle();
  assert.deepEqual(await notesOf(here.ref("bob")), ["1", "2"]);
  assert.deepEqual(await notesOf(foreign), ["there 1", "there 2"]);
});

Deno.test("A kept handle of a transient actor's turn can ask", async () => {
  await using it = stage(worker(), walker());
  const bob = it.ref("bob");
  const answer = it.walker("wim").ask(Walker.call, (ctx) => ctx.ref(bob).ask(Worker.call, () => "yes"));
  assert.equal(await answer, "yes");
});

Deno.test("A handle of plain data is looked up by its names, and refused where its key can be none", async () => {
  await using it = stage(worker());
  await it.ref("ada").tell(Worker.run, (ctx) => {
    const plain = { protocol: "worker", key: "bob" } as unknown as Ref<"worker">;
    ctx.ref(plain).tell(Worker.note, "by name");
    for (const key of ["", "..", "\n", undefined]) {
      const wrong = { protocol: "worker", key } as unknown as Ref<"worker">;
      assert.throws(() => ctx.ref(wrong), { code: "invalid-key" });
    }
    note(ctx, "went on");
  });
  await it.clock.settle();
  assert.deepEqual(await notesOf(it.ref("bob")), ["by name"]);
  assert.deepEqual(await notesOf(it.ref("ada")), ["went on"]);
});

Deno.test("A kept handle works in the turns of durable actors, and over a restart of the system", async () => {
  const Book = protocol("book", { note: tell(unchecked<string>()), copy: tell(unchecked<string>()) });
  const heard: string[] = [];
  let target: Ref<"book"> | undefined;
  const copy = (ctx: Context<"book", null>, text: string) => ctx.ref(target!).tell(Book.note, text);
  const book = actor(Book, {
    state: () => null,
    on: { note: (ctx, text) => void heard.push(`${ctx.key}: ${text}`), copy },
  });
  const store = memoryStore();
  for (const run of [1, 2]) {
    await using it = new Stage({ actors: [book], store });
    target ??= it.system.ref(Book, "b"); // of the first
    await it.system.ref(Book, "a").tell(Book.copy, `run ${run}`);
    await it.clock.settle();
    await it.clock.advance(1_000);
  }
  assert.deepEqual(heard, ["b: run 1", "b: run 2"]);
});

Deno.test("A kept handle looks its actor up once, as long as that is in memory", async () => {
  await using it = stage(worker());
  const bob = it.ref("bob");
  await it.ref("bob").tell(Worker.note, "it is there");
  await it.clock.settle();
  const looked: string[] = [];
  const { get } = Map.prototype;
  Map.prototype.get = function (key: unknown) {
    if (key === "bob") looked.push(key);
    return get.call(this, key);
  };
  try {
    await it.ref("ada").tell(Worker.run, (ctx) => ctx.ref(bob).tell(Worker.note, "1"));
    await it.ref("ada").tell(Worker.run, (ctx) => ctx.ref(bob).tell(Worker.note, "2"));
    await it.clock.settle();
  } finally {
    Map.prototype.get = get;
  }
  assert.deepEqual(looked, ["bob"]); // the first turn does: this handle has not resolved its actor yet
  assert.deepEqual(await notesOf(bob), ["it is there", "1", "2"]);
});

Deno.test("a handle can be kept in a system that is made after its actors", async () => {
  const Counter = protocol("counter", { add: tell(unchecked<number>()), spread: tell() });
  const counted: string[] = [];
  const counters: Ref<"counter">[] = [];
  const counter = actor(Counter, {
    state: () => 0,
    on: {
      add: (ctx, n) => void counted.push(`${ctx.key} ${ctx.state = ctx.state + n}`),
      spread: (ctx) => counters.forEach((kept) => ctx.ref(kept).tell(Counter.add, 1)),
    },
  });
  await using system = new System({ actors: [counter] });
  counters.push(system.ref(Counter, "a"), system.ref(Counter, "b"));
  await system.ref(Counter, "main").tell(Counter.spread);
  await system.ref(Counter, "main").tell(Counter.spread);
  await system.stop();
  assert.deepEqual(counted, ["a 1", "b 1", "a 2", "b 2"]);
});
