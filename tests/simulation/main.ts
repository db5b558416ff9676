// deno task sim --seeds N --from SEED: this many runs. --seed S: one run. --without RULE: with a rule
// removed. --twin: without hints. --plain: without scenes, which only some runs have. --trace: prints each
// step. --marks: prints the rare branches reached. --table: prints how many seeds find each removed rule.
// --failures N: stops after this many. --brief: without the last steps. --scene NAME: with that scene in each run;
// --scene services: three services over a broker instead of one, with rules of their own. --scene sleeping: a process that
// its platform stops whenever it has no timer, with rules of its own.

import { type FaultPlan, plain } from "./fault_plan.ts";
import { rules } from "./rules.ts";
import { sceneNames, withScene } from "./scenes.ts";
import { serviceRules } from "./services/service_rules.ts";
import { simulateServices } from "./services/simulate_services.ts";
import { simulate } from "./simulate.ts";
import { simulateSleeping } from "./sleeping/simulate_sleeping.ts";
import { sleepRules } from "./sleeping/sleep_rules.ts";

const options = new Map<string, string>();
for (let index = 0; index < Deno.args.length; index++) {
  const name = Deno.args[index];
  if (["--twin", "--brief", "--marks", "--trace", "--table", "--plain"].includes(name)) options.set(name, "");
  else options.set(name, Deno.args[++index]);
}
const one = options.get("--seed");
const from = Number(one ?? options.get("--from") ?? 1);
const count = one === undefined ? Number(options.get("--seeds") ?? 100) : 1;
const stopAfter = Number(options.get("--failures") ?? 5);
const without = options.get("--without");
const onStep = options.has("--trace") ? (step: string) => console.log(step) : undefined;
const scene = sceneNames.find((name) => name === options.get("--scene"));
const faultPlan = options.has("--plain") ? plain : scene && ((drawn: FaultPlan) => withScene(drawn, scene));
const hints = !options.has("--twin");
const ofServices = options.get("--scene") === "services";
const ofSleep = options.get("--scene") === "sleeping";
const run = (seed: number, without: string | undefined) =>
  ofSleep
    ? simulateSleeping(seed, { without, onStep })
    : ofServices
    ? simulateServices(seed, { without, onStep })
    : simulate(seed, { without, hints, onStep, ...(faultPlan && { faultPlan }) });

if (options.has("--table")) {
  const ofScene = ofSleep ? sleepRules : serviceRules;
  const all: readonly { readonly name: string; readonly says: string }[] = ofSleep || ofServices
    ? ofScene
    : rules;
  for (const rule of all.filter(({ name }) => without === undefined || name === without)) {
    let seed = from;
    let failure: string | undefined;
    for (; failure === undefined && seed < from + count; seed++) {
      failure = (await run(seed, rule.name)).failure;
    }
    console.log(
      `| ${rule.says} (\`${rule.name}\`) | ${
        failure === undefined ? "not found" : seed - from
      } | ${failure} |`,
    );
  }
  Deno.exit();
}
const rounded = (_: string, value: unknown) =>
  typeof value === "number" ? Number(value.toPrecision(2)) : value;
const beganMs = performance.now();
const marks = new Map<string, number>();
let failures = 0;
let seeds = 0;
let happened = 0;
let restMs = 0;
for (let seed = from; seed < from + count && failures < stopAfter; seed++) {
  const result = await run(seed, without);
  seeds++;
  happened += result.happened;
  restMs = Math.max(restMs, result.restMs);
  for (const mark of result.marks) marks.set(mark, (marks.get(mark) ?? 0) + 1);
  if (one !== undefined) {
    console.log(`seed ${seed}: ${result.hash}, ${result.happened} events, ${result.commits} commits`);
  }
  if (one !== undefined) console.log(JSON.stringify(result.faultPlan, rounded));
  if (result.failure === undefined) continue;
  failures++;
  const more = (without === undefined ? "" : ` --without ${without}`) + (hints ? "" : " --twin") +
    (options.has("--plain")
      ? " --plain"
      : options.has("--scene")
      ? ` --scene ${options.get("--scene")}`
      : "");
  if (one !== undefined || !options.has("--brief")) console.log(result.steps.join("\n"));
  console.log(`seed ${seed}: ${result.failure}\n  again: deno task sim --seed ${seed}${more}`);
}
const seconds = (performance.now() - beganMs) / 1_000;
console.log(
  `${seeds} seeds, ${failures} failed, ${(seeds / seconds).toFixed(1)} seeds/s, ` +
    `${Math.round(happened / seeds)} events a seed, at rest within ${restMs / 1_000} s`,
);
if (options.has("--marks")) {
  for (const [mark, count] of [...marks].sort()) {
    console.log(`${count}\t${mark}`);
  }
}
if (failures > 0) Deno.exit(1);
