// deno task crash BROKER [--seconds N] [--seed S]: two services of two processes each over a real broker, or over http,
// which are killed, and the broker too, or what is in front of them. By default for 60 seconds. Exits with 1 if anything is
// lost, doubled or out of order.

import { Broker } from "../broker.ts";
import { brokerKinds, isBrokerName } from "../brokers.ts";
import { faultsOf, summaryOf } from "./check.ts";
import { HttpFront } from "./http_front.ts";
import { paceOf, run } from "./run.ts";

const [name = "", ...others] = Deno.args;
if (name !== "http" && !isBrokerName(name)) {
  throw new RangeError(`Say over which broker: ${Object.keys(brokerKinds).join(", ")}, or http`);
}
const options = new Map<string, string>();
for (let index = 0; index < others.length; index += 2) options.set(others[index], others[index + 1]);
const seed = Number(options.get("--seed") ?? Math.floor(Math.random() * 2 ** 31));
const seconds = Number(options.get("--seconds") ?? 60);
const kind = name === "http" ? undefined : brokerKinds[name];
await kind?.install();
console.log(`${name}, seed ${seed}, ${seconds} s`);
await using broker = kind === undefined ? new HttpFront() : await Broker.temporary(kind);
if (broker instanceof HttpFront) await broker.start();
const began = performance.now();
const pace = paceOf(name, seconds <= 20);
const onStep = (step: string) =>
  console.log(`${((performance.now() - began) / 1_000).toFixed(1)} s: ${step}`);
const result = await run({ broker, seed, durationMs: seconds * 1_000, ...pace, onStep });
console.log(`${result.kills} kills; ${summaryOf(result)}`);
console.log("failed:", result.codes);
for (const letters of result.dead) console.log(`dead letters of ${letters}`);
const faults = [...faultsOf(result), ...result.failures.map(({ message }) => message)];
for (const fault of faults) console.log(fault);
Deno.exitCode = faults.length === 0 ? 0 : 1;
