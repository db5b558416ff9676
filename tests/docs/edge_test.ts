// docs/edge.md shows how many rows each operation writes.

import assert from "node:assert/strict";
import { durableObject } from "@posthorn/posthorn/durable-object";
import { FakeObject } from "../adapters/stores/durable_object/fake_object.ts";
import { collect, note, ref, Stage, Worker, worker } from "../runtime/durable/durable_stage.ts";

/** Longer than it takes until nothing waits any more. */
const restMs = 8_000;
const actors = [worker({
  echo: (_, text) => text,
  quote: (_, text) => text,
  later: (ctx) => ctx.schedule("later", { afterMs: 60_000 }, ctx.self.at(Worker.note), "later"),
  note: (ctx) => note(ctx, "one"),
})];

/** How many rows each operation writes until nothing of it waits, and how often the alarm is set in addition. */
async function measured(): Promise<Map<string, number>> {
  const object = new FakeObject();
  await using stage = new Stage(
    durableObject(object.storage),
    () => Promise.resolve(object[Symbol.dispose]()),
  );
  const rows = new Map<string, number>();
  const count = async (what: string, act: () => Promise<unknown>, forMs = restMs) => {
    await stage.pass(restMs);
    const before = object.rowsWritten;
    const acting = act();
    await stage.pass(forMs);
    await acting;
    rows.set(what, object.rowsWritten - before);
  };
  let system = await stage.start(actors);
  await stage.pass(restMs);
  await stage.kill(system);
  await count("the object starts", async () => system = await stage.start(actors));
  const ada = ref(system, "ada");
  await count("`tell`, if the actor is not in memory", () => ada.tell(Worker.note, "one"));
  await count("`tell`, if it is", () => ada.tell(Worker.note, "one"));
  await count("`tell` with an id", () => ada.tell(Worker.note, "one", { id: "1" }));
  await count("`ask` that changes nothing", () => ada.ask(Worker.call, "echo hello"));
  await count("`ask` that changes the state", () => ada.ask(Worker.call, "note"));
  await count("`submit`, and its reply", () => ada.submit(Worker.job, "echo done"));
  await system.publish(Worker.happened, "first"); // it loads the topic
  await count("`publish`", () => system.publish(Worker.happened, "it happened"));
  for (const key of ["ada", "bob"]) system.subscribe(Worker.happened, ref(system, key).at(Worker.note));
  await stage.pass(restMs);
  const published = rows.get("`publish`")!;
  await count("each subscriber", () => system.publish(Worker.happened, "it happened"));
  rows.set("each subscriber", (rows.get("each subscriber")! - published) / 2);
  for (const key of ["ada", "bob"]) system.subscribe(Worker.quote, ref(system, key).at(Worker.quote));
  await stage.pass(restMs);
  await count(
    "`survey` with two replies",
    () => collect(system.survey(Worker.quote, "quote ten", { timeoutMs: 1_000, max: 2 })),
  );
  const sent = async () => {
    await stage.pass(60_000);
    await system.sweep();
  };
  await ada.tell(Worker.run, "later"); // so it is known that its handler does not await
  await sent();
  await count("a schedule that is set, beside its turn", () => ada.tell(Worker.run, "later"));
  rows.set(
    "a schedule that is set, beside its turn",
    rows.get("a schedule that is set, beside its turn")! - 1,
  );
  await count("a schedule that is due, and its turn", sent);
  return rows;
}

Deno.test("the rows that each operation writes are those of the page", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/edge.md", import.meta.url));
  const rows = [...await measured()].map(([what, count]) => `${what}: ${count}`);
  const shown = [...page.matchAll(/^\| (.+?) +\| +(\d+) +\|$/gm)].map(([, what, count]) =>
    `${what}: ${count}`
  );
  assert.deepEqual(shown, rows);
});
