// Interceptors around turns and sends, in memory.

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import {
  actor,
  ask,
  event,
  type InspectedMessage,
  type Interceptor,
  MailboxFullError,
  PosthornError,
  protocol,
  submit,
  survey,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { turn } from "@posthorn/posthorn/testing";
import { fail, note, notesOf, Stage, Walker, walker, Worker, worker } from "../memory_stage.ts";

const named = ({ protocol, key, operation }: InspectedMessage) => `${protocol}/${key} ${operation}`;

/** Records where it is. */
function recorder(name: string, lines: string[]): Interceptor {
  return {
    turn(message, goOn) {
      lines.push(`${name} turn ${named(message)}`);
      goOn();
      lines.push(`${name} end ${named(message)}`);
    },
    send(message, goOn) {
      lines.push(`${name} send ${named(message)}`);
      goOn();
    },
  };
}

function intercepted(...intercept: readonly Interceptor[]): Stage {
  return new Stage({ actors: [worker({ retry: { attempts: 1 } }), walker()], intercept });
}

Deno.test("interceptors are around each turn and each send, the first outermost", async () => {
  const lines: string[] = [];
  await using it = intercepted(recorder("a", lines), recorder("b", lines));
  await it.ref("ada").tell(Worker.run, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "hi"));
  await it.clock.settle();
  assert.deepEqual(lines, [
    "a send worker/ada run",
    "b send worker/ada run",
    "a turn worker/ada run",
    "b turn worker/ada run",
    "a send worker/bob note",
    "b send worker/bob note",
    "b end worker/ada run",
    "a end worker/ada run",
    "a turn worker/bob note",
    "b turn worker/bob note",
    "b end worker/bob note",
    "a end worker/bob note",
  ]);
  assert.deepEqual(it.system.stats().done, 2);
});

Deno.test("interceptors see the sends of every mode, and events and surveys by their own names", async () => {
  const Shop = protocol("shop", {
    told: tell(unchecked<string>()),
    asked: ask(unchecked<string>()),
    job: submit(unchecked<string>()),
    quote: survey(unchecked<string>(), unchecked<string>()),
    sold: event(unchecked<string>()),
  });
  const lines: string[] = [];
  const shop = actor(Shop, {
    state: () => 0,
    on: { told() {}, asked: () => "a", job: () => "j", quote: () => "q" },
  });
  await using it = new Stage({ actors: [shop], intercept: [recorder("a", lines)] });
  const ref = it.system.ref(Shop, "main");
  it.system.subscribe(Shop.quote, ref.at(Shop.quote));
  it.system.subscribe(Shop.sold, ref.at(Shop.told));
  await it.clock.settle();
  assert.equal(lines.length, 0);
  await ref.tell(Shop.told, "x");
  assert.equal(await ref.ask(Shop.asked), "a");
  assert.equal(await (await ref.submit(Shop.job)).reply(), "j");
  for await (const reply of it.system.survey(Shop.quote, "x", { max: 1 })) assert.equal(reply, "q");
  await it.system.publish(Shop.sold, "x");
  await it.clock.settle();
  assert.deepEqual(lines.filter((line) => !line.startsWith("a end")), [
    "a send shop/main told",
    "a turn shop/main told",
    "a send shop/main asked",
    "a turn shop/main asked",
    "a send shop/main job",
    "a turn shop/main job",
    "a send shop/ quote",
    "a turn shop/main quote",
    "a send shop/ sold",
    "a turn shop/main told",
  ]);
});

Deno.test("a send that is taken by an ask of a turn is intercepted once", async () => {
  const lines: string[] = [];
  await using it = intercepted(recorder("a", lines));
  const answer = await it.walker("wil").ask(Walker.call, async (ctx) => {
    ctx.ref(Worker, "ada").tell(Worker.note, "1");
    return await ctx.ref(Worker, "ada").ask(Worker.call, (ctx) => ctx.state);
  });
  assert.deepEqual(answer, ["1"]);
  assert.deepEqual(lines.filter((line) => line.startsWith("a send")), [
    "a send walker/wil call",
    "a send worker/ada note",
    "a send worker/ada call",
  ]);
});

Deno.test("a handler runs in the asynchronous context of its interceptor, which sees the message", async () => {
  const storage = new AsyncLocalStorage<string>();
  await using it = intercepted({
    turn: (message, goOn) => storage.run(`${message.id} ${message.attempts} ${message.mode}`, goOn),
  });
  const heard: (string | undefined)[] = [];
  await it.ref("ada").tell(Worker.run, async () => {
    heard.push(storage.getStore());
    await Promise.resolve();
    heard.push(storage.getStore());
  }, { id: "one" });
  await it.clock.settle();
  assert.deepEqual(heard, ["one 1 tell", "one 1 tell"]);
});

Deno.test("what a handler returns or throws passes through, whatever its interceptor returns", async () => {
  const swallowing: Interceptor = {
    turn(_, goOn) {
      try {
        goOn();
      } catch {
        return "swallowed";
      }
      return "something else";
    },
  };
  const slow: Interceptor = {
    async turn(_, goOn) {
      await null;
      try {
        return await goOn();
      } catch { /* what the handler throws passes through all the same */ }
      return "something else";
    },
  };
  for (const interceptor of [swallowing, slow]) {
    await using it = intercepted(interceptor);
    assert.equal(await it.ref("ada").ask(Worker.call, () => "mine"), "mine");
    assert.equal(await it.ref("ada").ask(Worker.call, () => Promise.resolve("late")), "late");
    await assert.rejects(it.ref("ada").ask(Worker.call, fail), /boom/);
    await assert.rejects(it.ref("ada").ask(Worker.call, () => Promise.reject(new Error("boom"))), /boom/);
  }
});

const bad: readonly (readonly [string, Interceptor, RegExp])[] = [
  ["throws before it goes on", { turn: fail }, /boom/],
  ["rejects before it goes on", { turn: () => Promise.reject(new Error("boom")) }, /boom/],
  ["throws after it went on", { turn: (_, goOn) => (goOn(), fail()) }, /boom/],
  [
    "rejects after it went on",
    { turn: async (_, goOn) => (await goOn(), fail()) },
    /boom/,
  ],
  [
    "does not go on",
    { turn: () => "nothing" },
    /Cannot run the turn of worker\/ada .*: its interceptor did not go on/,
  ],
  ["does not go on before its promise resolves", { turn: () => Promise.resolve() }, /did not go on/],
  ["goes on twice", { turn: (_, goOn) => (goOn(), goOn()) }, /goes on once/],
  ["goes on with headers that are none", { turn: (_, goOn) => goOn({ n: 1 as never }) }, /no text/],
  [
    "goes on with too many headers",
    { turn: (_, goOn) => goOn({ long: "x".repeat(9_000) }) },
    /9004 of 8192 bytes/,
  ],
];
for (const [what, interceptor, error] of bad) {
  Deno.test(`a turn fails, and commits nothing, if its interceptor ${what}`, async () => {
    const only: Interceptor = {
      turn: (message, goOn) => message.operation === "run" ? interceptor.turn!(message, goOn) : goOn(),
    };
    await using it = intercepted(only);
    await it.ref("ada").tell(Worker.run, (ctx) => {
      note(ctx, "changed");
      ctx.ref(Worker, "bob").tell(Worker.note, "sent");
    });
    await it.clock.settle();
    assert.deepEqual(it.dead, ["ada run: failed"]);
    assert.match(it.system.deadLetters.list()[0].message, error);
    assert.deepEqual(await notesOf(it.ref("ada")), []);
    assert.deepEqual(await notesOf(it.ref("bob")), []);
  });
}

Deno.test("an interceptor that never ends is bounded by turnMs, and cannot go on after that", async () => {
  let late: (() => unknown) | undefined;
  let ran = 0;
  const intercept: Interceptor[] = [{
    turn(message, goOn) {
      if (message.operation !== "run") return goOn();
      late = goOn;
      return new Promise(() => {});
    },
  }];
  await using it = new Stage({ actors: [worker({ turnMs: 50, retry: { attempts: 1 } })], intercept });
  await it.ref("ada").tell(Worker.run, () => void ran++);
  await it.clock.advance(60);
  assert.deepEqual(it.dead, ["ada run: turn-timeout"]);
  assert.throws(late!, (error) => error instanceof PosthornError && error.code === "turn-over");
  assert.equal(ran, 0);
});

Deno.test("an interceptor that returns at once cannot go on later", async () => {
  let late: (() => unknown) | undefined;
  await using it = intercepted({ turn: (_, goOn) => void (late = goOn) });
  await it.ref("ada").tell(Worker.note, "1");
  await it.clock.settle();
  assert.deepEqual(it.dead, ["ada note: failed"]);
  assert.throws(late!, /turn/);
});

Deno.test("headers of an interceptor travel with all that a turn causes, and its own message keeps its own", async () => {
  const seen: string[] = [];
  const intercept: Interceptor[] = [
    { turn: (message, goOn) => goOn({ span: message.operation }) },
    {
      turn(message, goOn) {
        seen.push(`${message.operation} ${JSON.stringify(message.headers ?? {})}`);
        goOn();
      },
    },
  ];
  await using it = new Stage({ actors: [worker({ retry: { attempts: 2 } })], intercept });
  const reply = it.ref("bob").at(Worker.note);
  let headers: unknown;
  await it.ref("ada").submit(Worker.job, (ctx) => {
    headers = ctx.headers;
    if (ctx.attempt === 1) fail();
    ctx.ref(Worker, "cyd").tell(Worker.note, "plain");
    ctx.ref(Worker, "cyd").tell(Worker.note, "own", { headers: { own: "1" } });
    return "reply";
  }, { headers: { tenant: "t" }, replyTo: reply });
  await it.clock.advance(10_000);
  assert.deepEqual(headers, { tenant: "t" });
  assert.deepEqual(seen, [
    `job {"tenant":"t"}`,
    `job {"tenant":"t"}`,
    `note {"tenant":"t","span":"job"}`,
    `note {"span":"job","own":"1"}`,
    `note {"tenant":"t","span":"job"}`,
  ]);
});

Deno.test("headers that interceptors of a send add are with the message, under those of the inner ones", async () => {
  const seen: unknown[] = [];
  const intercept: Interceptor[] = [
    { send: (_, goOn) => goOn({ a: "outer", b: "outer" }) },
    { send: (message, goOn) => (seen.push(message.headers), goOn({ b: "inner" })) },
    { turn: (message, goOn) => (seen.push(message.headers), goOn()) },
  ];
  await using it = intercepted(...intercept);
  await it.ref("ada").tell(Worker.note, "1", { headers: { own: "1" } });
  await it.clock.settle();
  assert.deepEqual(seen, [{ own: "1", a: "outer", b: "outer" }, { own: "1", a: "outer", b: "inner" }]);
});

Deno.test("a send fails, and nothing is sent, if its interceptor throws or does not go on at once", async () => {
  const broken: readonly (readonly [Interceptor["send"], RegExp])[] = [
    [fail, /boom/],
    [() => {}, /Cannot send worker\/ada note: its interceptor did not go on/],
    [async (_, goOn) => (await null, goOn()), /did not go on/],
    [(_, goOn) => goOn({ n: 1 as never }), /no text/],
  ];
  for (const [send, error] of broken) {
    await using it = intercepted({ send });
    await assert.rejects(it.ref("ada").tell(Worker.note, "1"), error);
    await it.clock.settle();
    assert.equal(it.system.stats().accepted, 0);
  }
});

Deno.test("an interceptor may go on without headers after it was told that they are not valid", async () => {
  await using it = intercepted({
    send(_, goOn) {
      assert.throws(() => goOn({ long: "x".repeat(9_000) }), /9004 of 8192 bytes/);
      goOn();
    },
  });
  await it.ref("ada").tell(Worker.note, "1");
  assert.deepEqual(await notesOf(it.ref("ada")), ["1"]);
});

Deno.test("a message is sent once, and its sender told so, if its interceptor fails after that", async () => {
  const broken: readonly Interceptor["send"][] = [
    (_, goOn) => (goOn(), fail()),
    (_, goOn) => (goOn(), goOn()),
    async (_, goOn) => (await goOn(), fail()),
  ];
  for (const send of broken) {
    await using it = intercepted({
      send: (message, goOn) => message.operation === "note" ? send!(message, goOn) : goOn(),
    });
    it.watch("callback-failed");
    await it.ref("ada").tell(Worker.note, "1");
    await it.clock.settle();
    assert.deepEqual(await notesOf(it.ref("ada")), ["1"]);
    assert.deepEqual(it.events, ["callback-failed intercept"]);
  }
});

Deno.test("a refusal passes through an interceptor, and is not reported as its failure", async () => {
  for (
    const send of [
      (_: unknown, goOn: () => unknown) => goOn(),
      async (_: unknown, goOn: () => unknown) => await goOn(),
    ]
  ) {
    await using it = new Stage({ actors: [worker({ mailbox: { capacity: 1 } })], intercept: [{ send }] });
    it.watch("callback-failed");
    const sent = [it.ref("ada").tell(Worker.note, "1"), it.ref("ada").tell(Worker.note, "2")];
    await assert.rejects(sent[1], MailboxFullError);
    await sent[0];
    await it.clock.settle();
    assert.deepEqual(it.events, []);
  }
});

Deno.test("a system refuses what is no interceptor", () => {
  const refused = (intercept: unknown) => () =>
    new System({ actors: [], intercept: intercept as Interceptor[] });
  assert.throws(refused({}), /Cannot use intercept: it is no array/);
  assert.throws(refused([{}]), /Cannot use intercept\[0\]: it has neither `turn` nor `send`/);
  assert.throws(refused([undefined]), /Cannot use intercept\[0\]/);
  assert.throws(
    refused([{ turn: 1 }]),
    /Cannot use intercept\[0\].turn: it is no function, but of type number/,
  );
});

Deno.test("a lone turn has interceptors too", async () => {
  const lines: string[] = [];
  const { sent } = await turn(worker(), Worker.run, (ctx) => ctx.ref(Worker, "bob").tell(Worker.note, "1"), {
    storable: false,
    intercept: [recorder("a", lines), { turn: (_, goOn) => goOn({ span: "s" }) }],
  });
  assert.deepEqual(sent.map(({ headers }) => headers), [{ span: "s" }]);
  assert.deepEqual(lines, ["a turn worker/test run", "a send worker/bob note", "a end worker/test run"]);
});

Deno.test("a lone turn shows what it sends with the ids that its interceptors see", async () => {
  const seen: string[] = [];
  const send: Interceptor["send"] = (message, goOn) => (seen.push(message.id), goOn());
  const { sent } = await turn(worker(), Worker.run, (ctx) => {
    for (const id of [undefined, undefined, "own"]) ctx.ref(Worker, "bob").tell(Worker.note, "1", { id });
  }, { storable: false, intercept: [{ send }] });
  assert.deepEqual(sent.map(({ id }) => id), seen);
  assert.equal(new Set(seen).size, 3);
});

Deno.test("what interceptors began that listen to events ends when the system has stopped", async () => {
  const ended: string[] = [];
  const listener = (name: string): Interceptor => ({
    turn: (_message, goOn) => goOn(),
    observe: () => ({
      [Symbol.dispose]() {
        ended.push(`${name} ${it.system.health.status}`);
        if (name === "a") throw new Error("cannot end");
      },
    }),
  });
  const it = intercepted(listener("a"), { turn: (_message, goOn) => goOn(), observe() {} }, listener("b"));
  it.watch("callback-failed");
  await it.clock.settle();
  assert.deepEqual(ended, []);
  await it[Symbol.asyncDispose]();
  assert.deepEqual(ended, ["a stopped", "b stopped"]);
  assert.deepEqual(it.events, ["callback-failed intercept"]);
});
