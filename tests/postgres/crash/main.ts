// deno task crash:postgres [--seconds N] [--seed S]: three processes on a PostgreSQL, which are killed in turn while
// the server is restarted and its sessions are terminated. By default for 60 seconds. Exits with 1 if anything is
// lost, doubled or out of order.

import { Broker } from "../../brokers/broker.ts";
import { faultsOf, summaryOf } from "../../brokers/crash/check.ts";
import { postgresServer } from "../server.ts";
import { run } from "./run.ts";

const options = new Map<string, string>();
for (let index = 0; index < Deno.args.length; index += 2) options.set(Deno.args[index], Deno.args[index + 1]);
const seed = Number(options.get("--seed") ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(options.get("--seconds") ?? 60);
await postgresServer.install();
console.log(`seed ${seed}, ${seconds} s`);
await using server = await Broker.temporary(postgresServer);
const began = performance.now();
const onStep = (step: string) =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(1)} s: ${step}`);
const result = await run({ server, seed, durationMs: seconds * 1_000, onStep });
const { kills, terminated, ended } = result;
console.log(`${kills} kills, ${terminated} sessions terminated, ${ended} instances counted as ended`);
console.log(summaryOf(result));
console.log("failed:", result.codes);
for (const letters of result.dead) console.log(`dead letters of ${letters}`);
const faults = [...faultsOf(result), ...result.failures.map(({ message }) => message)];
for (const fault of faults) console.log(fault);
Deno.exitCode = faults.length === 0 ? 0 : 1;
