// A schedule from outside that its actor cannot have is refused to the caller: the actor did nothing wrong.

import assert from "node:assert/strict";
import type { System } from "@posthorn/posthorn";
import { kinds, onEach, ref, Worker, worker } from "./durable_stage.ts";
import { inEach } from "./worlds.ts";

const monthMs = 30 * 86_400_000;
/** Every failure of an actor ends its system. */
const strict = [worker({}, { onFailure: "escalate", retry: { attempts: 1 } })];

async function setMany(system: System, count: number): Promise<void> {
  const to = ref(system, "ada").at(Worker.note);
  const all = Array.from(
    { length: count },
    (_, n) => system.schedule(`s${n}`, { everyMs: monthMs }, to, "x"),
  );
  await Promise.all(all);
}

async function names(system: System): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of system.schedules(ref(system, "ada"))) found.push(name);
  return found;
}

inEach("one schedule too many from outside is no failure of its actor", async (world) => {
  const system = await world.start(strict);
  const set = setMany(system, 1_000);
  await world.settle();
  await set;
  const to = ref(system, "ada").at(Worker.note);
  const refused = assert.rejects(system.schedule("more", { afterMs: monthMs }, to, "x"), {
    code: "too-many-schedules",
  });
  await world.settle();
  await refused;
  assert.deepEqual([system.health.status, system.stats().dead], ["running", 0]);
  const changed = system.schedule("s5", { everyMs: 2 * monthMs }, to, "x");
  await world.settle();
  await changed;
});

onEach(kinds, "a schedule that cannot be stored leaves the one of its name as it is", async (stage) => {
  const system = await stage.start(strict);
  const to = ref(system, "ada").at(Worker.note);
  await system.schedule("a", { everyMs: 5_000 }, to, "kept");
  const unstorable = (() => {}) as unknown as string;
  await assert.rejects(system.schedule("a", { everyMs: 1_000 }, to, unstorable), { code: "not-storable" });
  assert.deepEqual([system.health.status, system.stats().dead, await names(system)], ["running", 0, ["a"]]);
  await stage.pass(5_000);
  const notes = await ref(system, "ada").ask(Worker.call, "notes");
  assert.deepEqual(notes, ["kept"]);
});
