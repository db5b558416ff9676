// Moving a store to another one.

import assert from "node:assert/strict";
import { type Store, TerminalError } from "@posthorn/posthorn";
import { copyStore } from "@posthorn/posthorn/copy";
import {
  deadOf,
  type Kind,
  kinds,
  notesOf,
  ref,
  type Scripts,
  type Stage,
  stageOn,
  Worker,
  worker,
} from "./durable_stage.ts";

const scripts: Scripts = {
  remind: (ctx) => ctx.schedule("later", { afterMs: 60_000 }, ctx.self.at(Worker.note), "reminded"),
  fail: () => {
    throw new TerminalError("on purpose");
  },
};
const actors = [worker(scripts)];

/** Uses a store in every way, and stops in the middle. Returns the ids of two replies: one has come, one has not. */
async function use(stage: Stage): Promise<{ done: string; open: string }> {
  const system = await stage.start(actors);
  const ada = ref(system, "ada");
  await ada.tell(Worker.note, "a", { id: "first" });
  await ada.tell(Worker.run, "remind");
  await ada.tell(Worker.run, "fail");
  await ada.tell(Worker.note, "delayed", { afterMs: 30_000 });
  await system.subscribe(Worker.happened, ref(system, "bob").at(Worker.note)).ready;
  await system.publish(Worker.happened, "news one");
  const done = await ada.submit(Worker.job, "notes", { id: "job" });
  const open = await ada.submit(Worker.job, "notes", { afterMs: 45_000 });
  await stage.pass(2_000);
  assert.deepEqual(deadOf(system).length, 1);
  await system.stop({ drainMs: 0 });
  const front = stage.begin([], { peers: [Worker] });
  await ref(front, "ada").tell(Worker.note, "waiting");
  await stage.settle();
  await front.stop({ drainMs: 0 });
  return { done: done.id, open: open.id };
}

/** Starts a system where the last one stopped, and tells what it does. */
async function goOn(stage: Stage, { done, open }: { done: string; open: string }): Promise<unknown[]> {
  const system = await stage.start(actors);
  await stage.pass(3_000);
  const before = await notesOf(system, "ada");
  await ref(system, "ada").tell(Worker.note, "a", { id: "first" });
  await system.publish(Worker.happened, "news two");
  await stage.pass(90_000);
  const replies = await Promise.all([done, open].map((id) => system.ticket(id).reply()));
  const told = [before, await notesOf(system, "ada"), await notesOf(system, "bob"), replies, deadOf(system)];
  await system.stop();
  return told;
}

async function contents(store: Store, stage: Stage): Promise<Map<string, string>> {
  const connection = await store.open({ clock: stage.clock });
  const found = new Map<string, string>();
  let after: string | undefined;
  for (;;) {
    const rows = await connection.list({ prefix: "", limit: 1_000, ...after !== undefined && { after } });
    for (const { key, value } of rows) found.set(key, new TextDecoder().decode(value));
    after = rows.at(-1)?.key;
    if (rows.length < 1_000) break;
  }
  await connection.close();
  return found;
}

const pairs: readonly (readonly [Kind, Kind])[] = kinds.flatMap((from) =>
  kinds.filter((to) => to !== from && (from === "sqlite" || to === "sqlite")).map((to) => [from, to] as const)
);

for (const [from, to] of pairs) {
  Deno.test(`copy: from ${from} to ${to}, a system goes on exactly`, async () => {
    await using source = await stageOn(from);
    await using target = await stageOn(to);
    const ids = await use(source);
    const before = await contents(source.store, source);
    const { rows } = await copyStore(source.store, target.store, { clock: source.clock });
    assert.equal(rows, before.size);
    assert.deepEqual(await contents(target.store, source), before);
    await target.clock.advance(source.clock.now() - target.clock.now());
    const [there, here] = [await goOn(target, ids), await goOn(source, ids)];
    assert.deepEqual(there, here);
    const [notes, later, subscribed, replies, dead] = there;
    assert.deepEqual(notes, ["a", "waiting"]);
    assert.deepEqual(later, ["a", "waiting", "delayed", "reminded"]);
    assert.deepEqual(subscribed, ["news one", "news two"]);
    assert.deepEqual(replies, [["a"], ["a", "waiting", "delayed"]]);
    assert.deepEqual(dead, ["ada run: terminal"]);
  });
}
