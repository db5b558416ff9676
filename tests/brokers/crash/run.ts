import { type CrashResult, runWorkers } from "./run_workers.ts";
import type { KillableBroker } from "./supervisor.ts";

/** What is between the services. */
export interface Between extends KillableBroker {
  readonly url: string;
  /** Where a worker listens, if nothing is between them that holds messages. */
  portOf?(worker: string): number | undefined;
}

export interface CrashOptions {
  readonly broker: Between;
  readonly seed: number;
  readonly durationMs: number;
  /** One process is killed in each such time. */
  readonly killEachMs: number;
  readonly brokerKills: number;
  /** How long nothing may come before no repeats are expected any more; by default 5,000 ms. */
  readonly repeatsMs?: number;
  readonly onStep?: (step: string) => void;
}

/** How each broker is treated: a group of Kafka needs a while to notice that a member is gone. */
export function paceOf(name: string, isShort: boolean) {
  const isSlow = name === "kafka";
  return {
    killEachMs: isSlow ? (isShort ? 20_000 : 10_000) : 3_000,
    brokerKills: isSlow && isShort ? 1 : 2,
  };
}

/**
 * Two services of two processes each, on a SQLite file each, that send to each other in all modes over a real
 * broker, while processes and the broker are killed. Then it waits until all that was accepted has come.
 */
export async function run(options: CrashOptions): Promise<CrashResult> {
  const { broker, seed } = options;
  const folder = await Deno.makeTempDir({ prefix: "posthorn-crash-" });
  try {
    return await runWorkers({ ...options, workers: workersOf(broker, `crash${seed}`, folder) });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function workersOf(between: Between, namespace: string, folder: string): Record<string, readonly string[]> {
  const script = new URL("worker.ts", import.meta.url).pathname;
  const names = ["left", "right"].flatMap((service) => ["1", "2"].map((number) => [service, number]));
  return Object.fromEntries(names.map(([service, number]) => {
    const worker = `${service}-${number}`;
    const port = String(between.portOf?.(worker) ?? "");
    return [
      worker,
      [script, service, number, "{start}", between.url, namespace, `${folder}/${service}.db`, port],
    ];
  }));
}
