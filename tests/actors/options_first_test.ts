// An operation without a payload has its options in the first place behind it, in every mode and on every store.

import assert from "node:assert/strict";
import { actor, ask, event, protocol, type Store, submit, survey, System, tell } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { turn } from "@posthorn/posthorn/testing";
import * as z from "zod";

const Bell = protocol("bell", {
  ring: tell(),
  note: tell(z.string()),
  tuned: tell(z.number()),
  again: tell(),
  rings: ask(z.number()),
  tune: submit(z.number()),
  rang: event(),
  loud: survey(z.number()),
  greet: ask(z.string().optional(), z.string()),
});
const Asker = protocol("asker", { ask: ask(z.number()), survey: ask(z.number()), misuse: ask(z.string()) });

const bell = actor(Bell, {
  state: () => ({ rings: 0 }),
  on: {
    ring: (ctx) => {
      ctx.state = { rings: ctx.state.rings + 1 };
    },
    note() {},
    tuned() {},
    again(ctx) {
      ctx.self.tell(Bell.ring, { id: "ring" });
      ctx.self.submit(Bell.tune, { id: "tune", replyTo: ctx.self.at(Bell.tuned) });
      ctx.publish(Bell.rang, { headers: { from: "turn" } });
    },
    rings: (ctx) => ctx.state.rings,
    tune: (ctx) => ctx.state.rings,
    loud: (ctx) => ctx.state.rings,
    greet: (_ctx, name) => `hello ${name ?? "you"}`,
  },
});
const asker = actor(Asker, {
  state: () => null,
  transient: true,
  on: {
    ask: (ctx) => ctx.ref(Bell, "a").ask(Bell.rings, { timeoutMs: 60_000 }),
    async survey(ctx) {
      let replies = 0;
      for await (const _ of ctx.survey(Bell.loud, { max: 1, timeoutMs: 60_000 })) replies++;
      return replies;
    },
    async misuse(ctx) {
      const ref = ctx.ref(Bell, "a") as unknown as Untyped;
      const misuses = [
        () => ref.tell(Bell.ring, undefined, {}),
        () => ref.submit(Bell.tune, undefined, {}),
        () => ref.ask(Bell.rings, undefined, {}),
        () => (ctx as unknown as Untyped).publish(Bell.rang, undefined, {}),
        () => (ctx as unknown as Untyped).survey(Bell.loud, undefined, {}),
      ];
      const names = misuses.map((misuse) => nameOfThrown(misuse));
      return (await Promise.all(names)).join(" ");
    },
  },
});

/** What a program can call that no compiler has checked. */
type Untyped = Record<"tell" | "ask" | "submit" | "publish" | "survey", (...parts: unknown[]) => unknown>;

async function nameOfThrown(act: () => unknown): Promise<string> {
  try {
    await act();
    return "nothing";
  } catch (error) {
    return (error as Error).name;
  }
}

const places: readonly (readonly [name: string, store: (() => Store) | undefined])[] = [
  ["in memory", undefined],
  ["on memoryStore", memoryStore],
  ["on SQLite", () => sqlite(":memory:")],
  ["on Deno KV", () => denoKv(":memory:")],
];

for (const [name, store] of places) {
  const start = () =>
    new System({
      actors: [bell, asker],
      askTimeoutMs: 60_000,
      log: false,
      ...store === undefined ? {} : { store: store() },
    });

  Deno.test(`options come first without a payload, in every mode, ${name}`, async () => {
    await using system = start();
    const ref = system.ref(Bell, "a");
    await ref.tell(Bell.ring, { id: "1" });
    await ref.tell(Bell.ring, { id: "1" });
    assert.equal(await ref.ask(Bell.rings, { timeoutMs: 60_000 }), 1, "the second has the same id");
    const [one, two] = [
      await ref.submit(Bell.tune, { id: "2" }),
      await ref.submit(Bell.tune, { id: "2" }),
    ];
    assert.equal(one.id, two.id);
    const heard: string[] = [];
    const last = Promise.withResolvers<void>();
    const listening = system.subscribe(Bell.rang, (_payload, { id }) => {
      heard.push(id);
      if (id === "4") last.resolve();
    });
    await listening.ready;
    for (const id of ["3", "3", "4"]) await system.publish(Bell.rang, { id });
    await last.promise;
    assert.deepEqual(heard, ["3", "4"]);
    await system.subscribe(Bell.loud, ref.at(Bell.loud)).ready;
    const replies = system.survey(Bell.loud, { max: 1, timeoutMs: 60_000 });
    assert.deepEqual(await replies.next(), { done: false, value: 1 });
    assert.equal(await system.ref(Asker, "x").ask(Asker.survey), 1);
    assert.equal(await system.ref(Asker, "x").ask(Asker.ask), 1);
    assert.equal(await ref.ask(Bell.greet, undefined, { timeoutMs: 60_000 }), "hello you");
    const misused = "TypeError TypeError TypeError TypeError TypeError";
    assert.equal(await system.ref(Asker, "x").ask(Asker.misuse), misused);
  });

  Deno.test(`something in front of the options is refused where there is no payload, ${name}`, async () => {
    await using system = start();
    const ref = system.ref(Bell, "a") as unknown as Untyped;
    const sender = system as unknown as Untyped;
    const sends: readonly ((...parts: unknown[]) => unknown)[] = [
      (...parts) => ref.tell(Bell.ring, ...parts),
      (...parts) => ref.ask(Bell.rings, ...parts),
      (...parts) => ref.submit(Bell.tune, ...parts),
      (...parts) => sender.publish(Bell.rang, ...parts),
      (...parts) => sender.survey(Bell.loud, ...parts),
    ];
    for (const send of sends) {
      for (const first of [undefined, null, 5, {}]) {
        const message = /^Cannot send bell\.\w+: it takes no payload, so the options are its only argument/;
        await assert.rejects(async () => await send(first, { id: "1" }), { name: "TypeError", message });
      }
      for (const payload of [null, 5, "x", [], new Date(0), new Map(), () => {}, { sku: "tea" }]) {
        const message = /^Cannot send bell\.\w+: It takes no payload, only options: /;
        await assert.rejects(async () => await send(payload), { code: "invalid-payload", message });
      }
      const message = /there is no timeout\. Did you mean timeoutMs\?$/;
      await assert.rejects(async () => await send({ timeout: 5 }), { code: "invalid-payload", message });
    }
    assert.equal(system.stats().accepted, 0);
    assert.equal(system.deadLetters.list().length, 0);
  });
}

Deno.test("turn() takes its options first where there is no payload", async () => {
  const { reply } = await turn(bell, Bell.rings, { state: { rings: 7 } });
  assert.equal(reply, 7);
  assert.equal((await turn(bell, Bell.greet, "ada", { key: "b" })).reply, "hello ada");
  assert.equal((await turn(bell, Bell.greet)).reply, "hello you");
  const { sent, published } = await turn(bell, Bell.again, { id: "cause" });
  assert.deepEqual(sent.map(({ operation, id, payload }) => [operation, id, payload]), [
    ["ring", "ring", undefined],
    ["tune", "tune", undefined],
  ]);
  assert.deepEqual(published, [{ event: Bell.rang, payload: undefined, headers: { from: "turn" } }]);
  const loose = turn as unknown as (...parts: unknown[]) => Promise<unknown>;
  await assert.rejects(loose(bell, Bell.rings, undefined, { key: "a" }), { name: "TypeError" });
  await assert.rejects(loose(bell, Bell.rings, { sate: 5 }), {
    message: /there is no sate\. Did you mean state\?$/,
  });
});
