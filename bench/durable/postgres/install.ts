// Queues of others on PostgreSQL that are measured beside Posthorn. They are no dependencies of this repository.

import { cacheFolder, isFile, run, threeTimes } from "../../../tests/brokers/cache.ts";

const dependencies = {
  "@dbos-inc/dbos-sdk": "5.3.0",
  "bullmq": "6.7.0",
  "graphile-worker": "0.18.0",
  "pg": "8.23.1", // BullMQ leaves it to its users
  "pg-boss": "12.38.0",
};

/** A queue, and its forms: as its guide shows it, and the one that costs the least. */
export interface Peer {
  readonly id: string;
  readonly label: string;
  readonly usual: string;
  readonly best: string;
  /** How many messages its forms handle in a measurement, as a share of those of Posthorn. */
  readonly shares: { readonly usual: number; readonly best: number };
}

export const peers: readonly Peer[] = [
  {
    id: "graphile-worker",
    label: `graphile-worker ${dependencies["graphile-worker"]}`,
    usual: "`addJob`, five jobs at once",
    best: "`addJobs` of 1,000; a local queue of 500, completion in batches, 24 at once",
    shares: { usual: 0.1, best: 0.5 },
  },
  {
    id: "pg-boss",
    label: `pg-boss ${dependencies["pg-boss"]}`,
    usual: "`send`, `fetch` and `complete` of one, five at once: `work` without its pauses",
    best: "`insert` of 1,000; `work` in batches of 1,000 without pauses",
    shares: { usual: 0.1, best: 0.5 },
  },
  {
    id: "bullmq",
    label: `BullMQ ${dependencies.bullmq} on PostgreSQL`,
    usual: "`add`, concurrency 50",
    best: "`addBulk` of 1,000, concurrency 100",
    shares: { usual: 0.1, best: 0.25 },
  },
  {
    id: "dbos",
    label: `DBOS ${dependencies["@dbos-inc/dbos-sdk"]}`,
    usual: "a workflow without steps, through a queue",
    best: "a workflow without steps and without a queue, in the process that starts it",
    shares: { usual: 0.1, best: 0.1 },
  },
];

const folder = cacheFolder(
  `postgres-queues-${Object.values(dependencies).join("-")}`,
);

/** The folder that has their `node_modules`, if they are installed. */
export function installedPeers(): string | undefined {
  return isFile(`${folder}/installed`) ? folder : undefined;
}

/** Installs them, once. Resolves with the folder that has their `node_modules`. */
export async function installPeers(): Promise<string> {
  if (installedPeers() !== undefined) return folder;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, dependencies }));
  await threeTimes(() =>
    run("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts"], { cwd: folder })
  );
  await Deno.writeTextFile(`${folder}/installed`, "");
  return folder;
}
