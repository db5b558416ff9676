/** Runs one measurement of a durable workload in its own process: `once.ts WORKLOAD STORE [NUMBER…]`. */
import type { Outcome } from "../contender.ts";
import { finish } from "../goals/process.ts";
import { backlog } from "./backlog.ts";
import { bareKv, bareSqlite } from "./bare.ts";
import { kvQueue } from "./kv_queue.ts";
import { askBesideBare, lone } from "./lone.ts";
import { steady } from "./steady.ts";
import { inFolder, type StoreKind, storeKind } from "./stores.ts";
import { turns } from "./turns.ts";
import { Following } from "./watched_store.ts";

type Measure = (kind: StoreKind, ...numbers: number[]) => Promise<Outcome>;

const workloads: Readonly<Record<string, Measure>> = {
  turns: (kind, actors, count) =>
    inFolder((folder) => turns(kind.make(folder), new Following(), { actors, count })),
  bareSqlite: (kind, actors, count) => bareSqlite(kind, { actors, count }),
  bareKv: (kind, actors, count) => bareKv(kind, { actors, count }),
  kvQueue: (_, count, together) => kvQueue(count, together),
  lone: (kind, count) => lone(kind, count),
  ask: (kind, count) => askBesideBare(kind, count),
  steady: (kind, count) => steady(kind, count),
  backlog: (kind, waiting, count) => backlog(kind, waiting, count),
};

const [workload, store, ...numbers] = Deno.args;
const measure = workloads[workload];
if (measure === undefined) throw new Error(`There is no workload ${workload}`);
finish(await measure(storeKind(store), ...numbers.map(Number)));
