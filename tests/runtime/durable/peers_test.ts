// A front: a system without actors of its own, whose peers are hosted by other processes on the same store.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  event,
  protocol,
  submit,
  survey,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import * as z from "zod";
import {
  collect,
  deadOf,
  kinds,
  note,
  notesOf,
  onEach,
  ref,
  type Stage,
  Worker,
  worker,
} from "./durable_stage.ts";

/** A front, and a process that hosts the worker. */
async function frontAndHost(stage: Stage, scripts = {}): Promise<{ front: System; host: System }> {
  const host = await stage.start([
    worker({ note: (ctx, text) => note(ctx, text), echo: (_, text) => text, ...scripts }),
  ]);
  const front = await stage.start([], { peers: [Worker] });
  return { front, host };
}

/** Resolves as a promise does, while time passes so that processes hear of each other. */
async function within<Result>(stage: Stage, promise: Promise<Result>): Promise<Result> {
  let over = false;
  const settled = promise.finally(() => over = true);
  settled.catch(() => {});
  for (let steps = 0; !over && steps < 400; steps++) await stage.pass(25, 25);
  return await settled;
}

onEach(kinds, "a front tells, and the process that hosts the actor handles it", async (stage) => {
  const { front, host } = await frontAndHost(stage);
  await within(stage, ref(front, "ada").tell(Worker.note, "one"));
  await within(stage, ref(front, "ada").tell(Worker.note, "two"));
  await stage.pass(100, 25);
  assert.deepEqual(await within(stage, notesOf(host, "ada")), ["one", "two"]);
  assert.equal(front.stats().protocols.worker, undefined);
});

onEach(kinds, "a front asks, and its ask is answered by the process that hosts the actor", async (stage) => {
  const { front } = await frontAndHost(stage);
  assert.equal(await within(stage, ref(front, "ada").ask(Worker.call, "echo hello")), "hello");
  await stage.pass(100, 25);
  assert.deepEqual(await stage.keys("reply", "mail"), []);
});

/** An actor that its host keeps in memory alone. */
const Cache = protocol("cache", {
  keep: tell(unchecked<string>()),
  get: ask(unchecked<string>()),
  fill: submit(unchecked<string>(), unchecked<string>()),
});
const cache = actor(Cache, {
  transient: true,
  state: () => null,
  on: { keep() {}, get: (ctx) => ctx.key, fill: (_, text) => text },
});

onEach(kinds, "mail for a peer that is transient where it is hosted is refused there", async (stage) => {
  const host = await stage.start([cache]);
  const front = await stage.start([], { peers: [Cache] });
  const ada = front.ref(Cache, "ada");
  const told = { code: "transient-peer", message: /^cache\/ada get: it is transient where it is hosted/ };
  await assert.rejects(within(stage, ada.ask(Cache.get, undefined)), told);
  const ticket = await within(stage, ada.submit(Cache.fill, "x"));
  await assert.rejects(within(stage, ticket.reply({ timeoutMs: 2_000 })), { code: "transient-peer" });
  await within(stage, ada.tell(Cache.keep, "y"));
  await stage.pass(5_000);
  assert.deepEqual(await stage.keys("mail", "index"), []);
  const letters = ["ada get: transient-peer", "ada fill: transient-peer", "ada keep: transient-peer"];
  assert.deepEqual(deadOf(host), letters);
  assert.deepEqual(deadOf(front), letters);
  assert.equal(host.stats().accepted, 3);
  assert.equal(host.stats().dead, 3);
  assert.equal(await host.ref(Cache, "ada").ask(Cache.get, undefined), "ada");
});

/** How many milliseconds pass until a promise has settled, by the clock of the stage. */
async function msUntil(stage: Stage, promise: Promise<unknown>): Promise<number> {
  const beganMs = stage.clock.now();
  let over = false;
  promise.finally(() => over = true).catch(() => {});
  for (let steps = 0; !over && steps < 200; steps++) await stage.pass(1, 1);
  await promise;
  return stage.clock.now() - beganMs;
}

onEach(["sqlite"], "asks that follow each other do not wait for slow polls", async (stage) => {
  const { front } = await frontAndHost(stage);
  const times: number[] = [];
  for (let index = 0; index < 5; index++) {
    times.push(await msUntil(stage, ref(front, "ada").ask(Worker.call, "echo hello")));
  }
  assert.ok(times[0] <= 50, `the first took ${times[0]} ms`);
  for (const ms of times.slice(1)) assert.ok(ms <= 10, `they took ${times.join(", ")} ms`);
});
