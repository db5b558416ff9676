// Messages sent before the first one is handled form one run, and may share the objects that their handlers
// get: this must not be observable.

import assert from "node:assert/strict";
import { type Inspection, TerminalError } from "@posthorn/posthorn";
import {
  fail,
  note,
  notesOf,
  type Stage,
  stage,
  Walker,
  walker,
  type WalkerContext,
  Worker,
  worker,
  type WorkerContext,
} from "../memory_stage.ts";

/** Everything that must fail after a turn. */
const attempts: Record<string, (ctx: WorkerContext) => unknown> = {
  "assign the state": (ctx) => ctx.state = ["late"],
  "tell itself": (ctx) => ctx.self.tell(Worker.note, "late"),
  "tell another": (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "late"),
  "submit": (ctx) => ctx.ref(Worker, "bob").submit(Worker.job, () => "late"),
  "schedule": (ctx) => ctx.schedule("late", { afterMs: 1 }, ctx.self.at(Worker.note), "late"),
  "cancel": (ctx) => ctx.cancel("late"),
  "passivate": (ctx) => ctx.passivate(),
  "erase": (ctx) => ctx.erase(),
};

/** Tries everything with the retained context of a turn. */
function tryAll(kept: WorkerContext): string[] {
  return Object.entries(attempts).map(([name, attempt]) => {
    try {
      attempt(kept);
      return `could ${name}`;
    } catch (error) {
      return (error as { code: string }).code;
    }
  });
}

const refused = Object.keys(attempts).map(() => "turn-over");

/**
 * Handlers of the message after the one whose context is retained: in the same run, synchronous or awaited.
 */
const followers: Record<string, (it: Stage) => (ctx: WorkerContext) => unknown> = {
  "nothing behind it": () => () => {},
  "a handler behind it that is over at once": () => (ctx) => note(ctx, "next"),
  "a handler behind it that is awaited": (it) => (ctx) => {
    note(ctx, "next");
    return new Promise<void>((resolve) => void it.clock.setTimer(100, resolve));
  },
  "a handler behind it that fails": () => () => fail(),
};

for (const [name, follower] of Object.entries(followers)) {
  Deno.test(`Turn that left work behind in a microtask refuses it, with ${name}`, async () => {
    await using it = stage(worker({ retry: { attempts: 1 }, onFailure: "resume" }));
    const results: string[] = [];
    const ada = it.ref("ada");
    void ada.tell(Worker.note, "first");
    void ada.tell(Worker.run, (ctx) => queueMicrotask(() => results.push(...tryAll(ctx))));
    void ada.tell(Worker.run, follower(it));
    await it.clock.settle();
    assert.deepEqual(results, refused);
    await it.clock.advance(1_000);
    const expected = name.includes("at once") || name.includes("awaited") ? ["first", "next"] : ["first"];
    assert.deepEqual(await notesOf(ada), expected);
    assert.deepEqual(it.system.stats().protocols.worker.actors, 1, "bob heard of it");
  });

  Deno.test(`Turn that left work behind for a timer refuses it, with ${name}`, async () => {
    await using it = stage(worker({ retry: { attempts: 1 }, onFailure: "resume" }));
    const results: string[] = [];
    const ada = it.ref("ada");
    void ada.tell(Worker.note, "first");
    void ada.tell(Worker.run, (ctx) => void it.clock.setTimer(50, () => results.push(...tryAll(ctx))));
    void ada.tell(Worker.run, follower(it));
    await it.clock.advance(1_000);
    assert.deepEqual(results, refused);
  });
}

Deno.test("Turn is over for the next message of its own actor", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  let kept!: WorkerContext;
  const results: string[] = [];
  void ada.tell(Worker.run, (ctx) => void (kept = ctx));
  void ada.tell(Worker.run, () => void results.push(...tryAll(kept)));
  await it.clock.settle();
  assert.deepEqual(results, refused);
});

Deno.test("Turn is over for the handlers of other actors, within the same slice", async () => {
  await using it = stage(worker());
  let kept!: WorkerContext;
  const results: string[] = [];
  void it.ref("ada").tell(Worker.run, (ctx) => void (kept = ctx));
  void it.ref("cyd").tell(Worker.run, () => void results.push(...tryAll(kept)));
  void it.ref("ada").tell(Worker.note, "next");
  await it.clock.settle();
  assert.deepEqual(results, refused);
});

Deno.test("a Turn is over when an inspector is told of its end", async () => {
  await using it = stage(worker());
  let kept!: WorkerContext;
  const results: string[] = [];
  it.system.inspect(({ type }) =>
    void (type === "done" && results.length === 0 && results.push(...tryAll(kept)))
  );
  void it.ref("ada").tell(Worker.run, (ctx) => void (kept = ctx));
  void it.ref("ada").tell(Worker.note, "next");
  await it.clock.settle();
  assert.deepEqual(results, refused);
});

Deno.test("Turn refuses an ask that it left behind, with a handler behind it that is awaited", async () => {
  await using it = stage(worker(), walker());
  const results: unknown[] = [];
  const wim = it.walker("wim");
  const ask = (ctx: WalkerContext) => ctx.ref(Worker, "ada").ask(Worker.call, () => "late");
  void wim.tell(Walker.run, (ctx) => {
    queueMicrotask(() => {
      try {
        void ask(ctx).then((reply) => results.push(reply), ({ code }) => results.push(code));
      } catch (error) {
        results.push((error as { code: string }).code);
      }
    });
  });
  void wim.tell(Walker.run, () => new Promise<void>((resolve) => void it.clock.setTimer(100, resolve)));
  await it.clock.advance(200);
  assert.deepEqual(results, ["turn-over"]);
});

Deno.test("Turn that is retained shows the same properties after later turns", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const kept: WorkerContext[] = [];
  const tell = (text: string) =>
    ada.tell(Worker.run, (ctx) => {
      note(ctx, text);
      kept.push(ctx);
    }, { id: text, headers: { text } });
  for (const text of ["a", "b", "c"]) void tell(text);
  await it.clock.settle();
  assert.deepEqual(
    kept.map(({ id, correlationId, attempt, state }) => [id, correlationId, attempt, state]),
    [["a", "a", 1, ["a"]], ["b", "b", 1, ["a", "b"]], ["c", "c", 1, ["a", "b", "c"]]],
  );
});

// --- Isolation between messages

interface Seen {
  readonly id: string;
  readonly causationId: string | undefined;
  readonly correlationId: string;
  readonly now: number;
  readonly signal: AbortSignal;
}

const look = ({ id, causationId, correlationId, now, signal }: WorkerContext): Seen => (
  { id, causationId, correlationId, now, signal }
);

for (const heard of [false, true]) {
  Deno.test(`Turn shares nothing with the turns before and behind it in its run${heard ? ", while somebody listens" : ""}`, async () => {
    await using it = stage(worker());
    if (heard) it.watch();
    const ada = it.ref("ada");
    const seen: Seen[] = [];
    for (
      const options of [{ id: "x", headers: { a: "1" }, timeoutMs: 50 }, undefined, undefined, { id: "y" }]
    ) {
      void ada.tell(Worker.run, (ctx) => void seen.push(look(ctx)), options);
    }
    await it.clock.settle();
    assert.equal(seen[0].id, "x");
    assert.equal(seen[3].id, "y");
    assert.equal(new Set(seen.map(({ id }) => id)).size, 4);
    assert.equal(new Set(seen.map(({ signal }) => signal)).size, 4);
    for (const { id, correlationId, causationId } of seen) {
      assert.deepEqual([correlationId, causationId], [id, undefined]);
    }
    await it.clock.advance(100);
    assert(seen.every(({ signal }) => !signal.aborted), "a turn that was over was aborted");
  });
}

Deno.test("Turn reads its own time, and not that of the turn before it in its run", async () => {
  await using it = stage(worker());
  const times: number[] = [];
  const clock = it.clock as unknown as { now(): number };
  let ms = it.clock.now();
  clock.now = () => ms;
  for (let count = 0; count < 3; count++) {
    void it.ref("ada").tell(Worker.run, (ctx) => {
      times.push(ctx.now);
      ms += 10;
      times.push(ctx.now);
    });
  }
  await it.clock.settle();
  assert.deepEqual(times.map((time) => time - times[0]), [0, 0, 10, 10, 20, 20]);
});

Deno.test("Turn lets its headers travel, and the turn behind it in its run lets none", async () => {
  await using it = stage(worker());
  const heard: unknown[] = [];
  it.system.inspect((event) => {
    if (event.type === "accepted" && event.message.key === "bob") heard.push(event.message.headers);
  });
  const pass = (ctx: WorkerContext) => {
    ctx.ref(Worker, "bob").tell(Worker.note, "1");
    ctx.ref(Worker, "bob").tell(Worker.note, "2");
  };
  void it.ref("ada").tell(Worker.run, pass, { headers: { trace: "t" } });
  void it.ref("ada").tell(Worker.run, pass);
  await it.clock.settle();
  assert.deepEqual(heard, [{ trace: "t" }, { trace: "t" }, undefined, undefined]);
});

Deno.test("Turn gives each asker of one run its own reply", async () => {
  await using it = stage(worker());
  const ada = it.ref("ada");
  const asking = Array.from({ length: 100 }, (_, index) =>
    ada.ask(Worker.call, (ctx) => {
      if (index % 10 === 3) throw new TerminalError(`no ${index}`);
      note(ctx, "");
      return index % 10 === 7 ? Promise.resolve(index) : index;
    }));
  const outcomes = await Promise.allSettled(asking);
  outcomes.forEach((outcome, index) => {
    if (outcome.status === "rejected") assert.match(outcome.reason.message, new RegExp(`no ${index}$`));
    assert.equal(
      outcome.status === "fulfilled" ? outcome.value : undefined,
      index % 10 === 3 ? undefined : index,
    );
  });
});

Deno.test("Turn that fails takes along neither messages, schedules, end nor state, and the next of its run is untouched", async () => {
  await using it = stage(worker({ retry: { attempts: 1 }, onFailure: "resume" }));
  const ada = it.ref("ada");
  const everything = (ctx: WorkerContext) => {
    note(ctx, "lost");
    for (let count = 0; count < 5; count++) ctx.ref(Worker, "bob").tell(Worker.note, "lost");
    ctx.schedule("lost", { afterMs: 1 }, ctx.self.at(Worker.note), "lost");
    ctx.erase();
    fail();
  };
  void ada.tell(Worker.note, "1");
  void ada.tell(Worker.run, everything);
  void ada.tell(Worker.run, (ctx) => {
    note(ctx, "2");
    ctx.ref(Worker, "bob").tell(Worker.note, "kept");
  });
  void ada.tell(Worker.run, everything);
  void ada.tell(Worker.note, "3");
  await it.clock.advance(1_000);
  assert.deepEqual(await notesOf(ada), ["1", "2", "3"]);
  assert.deepEqual(await notesOf(it.ref("bob")), ["kept"]);
});

Deno.test("Turn that ends its actor does so once, and the turns behind it in its run do not", async () => {
  await using it = stage(worker());
  it.watch("activated", "passivated", "erased");
  const ada = it.ref("ada");
  for (
    const script of [
      (ctx: WorkerContext) => ctx.passivate(),
      () => {},
      (ctx: WorkerContext) => ctx.erase(),
      () => {},
    ]
  ) {
    void ada.tell(Worker.run, script);
  }
  await it.clock.settle();
  assert.deepEqual(it.events, [
    "activated ada",
    "passivated ada",
    "activated ada",
    "erased ada",
    "activated ada",
  ]);
});

Deno.test("Turn that cannot begin because the initial state cannot be made fails for its own message, not for the one before", async () => {
  let made = 0;
  await using it = stage(worker({
    state: () => {
      if (++made === 2) fail();
      return [];
    },
    retry: { attempts: 1 },
    onFailure: "resume",
  }));
  const ada = it.ref("ada");
  const events: string[] = [];
  it.system.inspect((event: Inspection) => {
    if ("message" in event) events.push(`${event.type} ${event.message.id}`);
    if ("letter" in event) events.push(`dead ${event.letter.id}`);
  });
  void ada.tell(Worker.run, (ctx) => ctx.passivate(), { id: "one" });
  void ada.tell(Worker.note, "two", { id: "two" });
  void ada.tell(Worker.note, "three", { id: "three" });
  await it.clock.advance(1_000);
  assert.deepEqual(events, [
    "accepted one",
    "accepted two",
    "accepted three",
    "started one",
    "done one",
    "failed two",
    "dead two",
    "started three",
    "done three",
  ]);
  assert.deepEqual(it.system.deadLetters.list().map(({ id, payload }) => [id, payload]), [["two", "two"]]);
});

Deno.test("Turn that waits for a promise keeps its messages apart from those of turns that run meanwhile", async () => {
  await using it = stage(worker());
  const gate = Promise.withResolvers<void>();
  const names = Array.from({ length: 200 }, (_, index) => `a${index}`);
  for (const name of names) {
    void it.ref(name).tell(Worker.run, async (ctx) => {
      ctx.ref(Worker, "bob").tell(Worker.note, `${ctx.key} 1`);
      ctx.ref(Worker, "bob").tell(Worker.note, `${ctx.key} 2`);
      await gate.promise;
      ctx.ref(Worker, "bob").tell(Worker.note, `${ctx.key} 3`);
    });
  }
  await it.clock.settle();
  gate.resolve();
  await it.clock.settle();
  const notes = await notesOf(it.ref("bob")) as string[];
  assert.equal(notes.length, 3 * names.length);
  for (const name of names) {
    assert.deepEqual(
      notes.filter((text) => text.startsWith(`${name} `)),
      [1, 2, 3].map((n) => `${name} ${n}`),
    );
  }
});
