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
import { collect, deadOf, kinds, note, notesOf, onEach, ref, type Stage, Worker, worker } from "./durable_stage.ts";

/** A front, and a process that hosts the worker. */
async function frontAndHost(stage: Stage, scripts = {}): Promise<{ front: System; host: System }> {
  const host = await stage.start([worker({ note: (ctx, text) => note(ctx, text), echo: (_, text) => text, ...scripts })]);
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
