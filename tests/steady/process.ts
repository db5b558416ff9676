// One process of a steady run: all modes on one SQLite file, until its input ends. Arguments: the file, its name.

import { System } from "@posthorn/posthorn";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { begin, end, loadActor, step } from "./actors.ts";
import { options } from "./options.ts";

const [path, name, ends] = Deno.args;
const stepMs = 200;
const system = new System({
  ...options,
  actors: [loadActor()],
  store: sqlite(path, { synchronous: "normal" }),
});
await system.ready();
const begun = begin(system);
let ending = false;
let [sent, failed] = [0, 0];
const input = (async () => {
  for await (const _ of Deno.stdin.readable); // until its parent closes it
  ending = true;
})();
while (!ending) {
  const done = step(system, name, sent++).catch((error) => {
    failed++;
    console.error(`${name}: ${error}`);
  });
  await Promise.all([done, new Promise((resolve) => setTimeout(resolve, stepMs))]);
}
await input;
if (ends === "ends") await end(system);
begun[Symbol.dispose]();
await system.stop({ drainMs: 30_000 });
console.log(JSON.stringify({ name, sent, failed }));
