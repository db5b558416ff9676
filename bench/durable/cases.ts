import { fileURLToPath } from "node:url";
import type { Case } from "../goals/process.ts";
import { measure } from "../run.ts";
import { storeKinds } from "./stores.ts";

/** The sizes of the measurements. */
export interface Sizes {
  readonly actors: readonly number[];
  /** The number of turns in one measurement. */
  readonly turns: number;
  /** The number of messages in flight in peers, the same as in Posthorn. */
  readonly together: number;
  /** The number of messages through Deno KV's queue, concurrently and one at a time. */
  readonly queued: number;
  readonly queuedAlone: number;
  readonly alone: number;
  readonly asks: number;
  /** The number of turns in the measurement of memory. */
  readonly steady: number;
  /** The number of waiting messages, and of those that are handled. */
  readonly shortBacklog: number;
  readonly longBacklog: number;
  readonly drained: number;
  /** The number of actors at rest in the store when a process starts. */
  readonly atRest: number;
}

export const fullSizes: Sizes = {
  actors: [1, 100, 10_000],
  turns: 20_000,
  together: 1_000,
  queued: 1_000,
  queuedAlone: 50,
  alone: 200,
  asks: 200,
  steady: 2_000_000,
  shortBacklog: 20_000,
  longBacklog: 1_000_000,
  drained: 10_000,
  atRest: 1_000_000,
};

export const smokeSizes: Sizes = {
  actors: [1, 20],
  turns: 100,
  together: 1_000,
  queued: 10,
  queuedAlone: 2,
  alone: 5,
  asks: 5,
  steady: 1_000,
  shortBacklog: 300,
  longBacklog: 600,
  drained: 100,
  atRest: 500,
};

/** The settings of BullMQ's Redis, and their meaning. */
export const redisSettings: readonly { readonly id: string; readonly label: string }[] = [
  { id: "default", label: "BullMQ, Redis as it is by default (RDB only, appendonly no)" },
  { id: "always", label: "BullMQ, Redis with appendonly yes, appendfsync always" },
];

/** The cases, in the order of a round. */
export function casesOf(sizes: Sizes, { peer }: { readonly peer: boolean }): readonly Case[] {
  const { actors, turns, together } = sizes;
  return [
    ...actors.flatMap((count) => [
      ...storeKinds.map(({ id }) => own(`turns ${id} ${count}`, ["turns", id, count, turns], turns)),
      ...["sqliteFull", "sqliteNormal"].map((id) =>
        own(`bare ${id} ${count}`, ["bareSqlite", id, count, turns], turns)
      ),
      ...["kvFile", "kvMemory"].map((id) => own(`bare ${id} ${count}`, ["bareKv", id, count, turns], turns)),
    ]),
    own("kvQueue", ["kvQueue", "kvFile", sizes.queued, together], sizes.queued),
    own("kvQueue alone", ["kvQueue", "kvFile", sizes.queuedAlone, 1], sizes.queuedAlone),
    ...storeKinds.flatMap(({ id }) => [
      own(`alone ${id}`, ["lone", id, sizes.alone], sizes.alone),
      own(`ask ${id}`, ["ask", id, sizes.asks], sizes.asks),
    ]),
    ...peer ? redisSettings.flatMap(({ id }) => bullMq(id, sizes)) : [],
    ...[sizes.shortBacklog, sizes.longBacklog].map((waiting) =>
      own(`backlog ${waiting}`, ["backlog", "sqliteNormal", waiting, sizes.drained], sizes.drained)
    ),
  ];
}

/** The measurement of memory, which takes the longest. */
export function steadyCase({ steady }: Sizes): Case {
  return own("steady", ["steady", "sqliteNormal", steady], steady, 4 * 3_600_000);
}

function own(id: string, args: readonly (string | number)[], expected: number, timeoutMs = 300_000): Case {
  const once = fileURLToPath(new URL("once.ts", import.meta.url));
  const flags = ["run", "-A", "--unstable-kv", "--v8-flags=--expose-gc", once];
  const command = { command: Deno.execPath(), args: [...flags, ...args.map(String)] };
  return { id, run: () => measure(command, expected, { timeoutMs }) };
}

const bullMqFolder = fileURLToPath(new URL("bullmq/", import.meta.url));

function bullMq(setting: string, { turns, together }: Sizes): Case[] {
  const one = (id: string, count: number, at: number): Case => {
    const flags = ["run", "-A", "--no-config", "--node-modules-dir=manual", `${bullMqFolder}peer.ts`];
    const command = { command: Deno.execPath(), args: [...flags, setting, String(count), String(at)] };
    return { id, run: () => measure(command, count, { timeoutMs: 300_000 }) };
  };
  const few = Math.ceil(turns / 50);
  return [one(`bullmq ${setting}`, turns, together), one(`bullmq ${setting} alone`, few, 1)];
}

/** The reason why BullMQ cannot be measured here, if it cannot. */
export async function bullMqIsMissing(): Promise<string | undefined> {
  try {
    await Deno.stat(`${bullMqFolder}node_modules/bullmq`);
  } catch {
    return "bullmq is not installed: npm install --prefix bench/durable/bullmq";
  }
  try {
    await new Deno.Command("redis-server", { args: ["--version"], stdout: "null", stderr: "null" }).output();
  } catch {
    return "redis-server is not installed: apt-get install -y redis-server";
  }
}
