// Runs every workload of the contenders that it is given at its smoke size, in one process of its own: some libraries
// leave timers and brokers behind. Writes what it begins, and what came of it, as lines of JSON.

import type { Contender } from "../../bench/contender.ts";
import { workloads } from "../../bench/workloads.ts";

/** What came of one workload of one contender. */
export interface Smoke {
  readonly id: string;
  readonly workload: string;
  /** Absent in the line that says that it begins. */
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
