// Runs every workload of the given contenders at smoke size, in its own process, because some libraries leave
// timers and brokers behind. Prints the start and the result of each as lines of JSON.

import type { Contender } from "../../bench/contender.ts";
import { workloads } from "../../bench/workloads.ts";

/** The result of one workload of one contender. */
export interface Smoke {
  readonly id: string;
  readonly workload: string;
  /** Absent in the line about its start. */
  readonly check?: number;
  readonly error?: string;
}

function print(smoke: Smoke): void {
  console.log(JSON.stringify(smoke));
}

async function runSmall({ id, workloads: own }: Contender): Promise<void> {
  for (const { id: workload, smokeSize } of workloads) {
    const run = own[workload];
    if (run === undefined) continue;
    print({ id, workload });
    try {
      print({ id, workload, check: (await run(smokeSize)).check });
    } catch (error) {
      print({ id, workload, error: String(error) });
    }
  }
}

if (import.meta.main) {
  for (const id of Deno.args) {
    try {
      const { contender } = await import(`../../bench/contenders/${id}.ts`) as { contender: Contender };
      await runSmall(contender);
    } catch (error) {
      print({ id, workload: "none", error: String(error) });
    }
  }
  Deno.exit(0);
}
