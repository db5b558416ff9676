/** Runs one measurement on PostgreSQL in its own process: `once.ts WORKLOAD URL SERVER [NUMBER…]`. */
import type { Outcome } from "../../contender.ts";
import { finish } from "../../goals/process.ts";
import { another } from "./another.ts";
import { bare } from "./bare.ts";
import { killed } from "./killed.ts";
import { rest } from "./rest.ts";
import { alone, turnsOf } from "./turns.ts";

type Measure = (url: string, server: number, ...numbers: number[]) => Promise<Outcome>;

const workloads: Readonly<Record<string, Measure>> = {
  turns: turnsOf,
  alone,
  another,
  killed: (url, _, count) => killed(url, count),
  rest: (url, _, actors, sweeps) => rest(url, actors, sweeps),
  bare: (url, server, actors, count) => bare(url, server, { actors, count }),
  mailbox: (url, server, actors, count) => bare(url, server, { actors, count, stored: true }),
};

const [workload, url, server, ...numbers] = Deno.args;
const measure = workloads[workload];
if (measure === undefined) throw new Error(`There is no workload ${workload}`);
finish(await measure(url, Number(server), ...numbers.map(Number)));
