// deno task denokv [--seconds N] [--seed S]: three systems on a real denokv behind a faulty proxy. If the
// server is missing, builds it first with cargo into $XDG_CACHE_HOME/posthorn or ~/.cache/posthorn; $DENOKV
// names another server.

import { faultsOf, run } from "./run.ts";
import { installServer } from "./server.ts";

const options = new Map<string, string>();
for (let index = 0; index < Deno.args.length; index += 2) options.set(Deno.args[index], Deno.args[index + 1]);
const seed = Number(options.get("--seed") ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(options.get("--seconds") ?? 60);
await installServer();
console.log(`seed ${seed}, ${seconds} s`);
const result = await run({ seconds, seed, onStep: (step) => console.log(`  ${step}`) });
const { sent, confirmed, unknown, refused, codes, requests, kills, pauses } = result;
console.log({ sent, confirmed, unknown, refused, codes, requests, kills, pauses });
const faults = faultsOf(result);
console.log(
  `${result.lost.length} lost, ${result.doubled.length} doubled, ${result.disordered.length} out of order, ` +
    `${result.untrue.length} refused and there, ${result.deadLetters.length} dead`,
);
for (const fault of faults) console.log(fault);
Deno.exit(faults.length === 0 ? 0 : 1);
