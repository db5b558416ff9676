import { check, type Verdict } from "./check.ts";
import { drawFaults } from "./draw_faults.ts";
import { History, type Report } from "./history.ts";
import { type KillableBroker, Supervisor } from "./supervisor.ts";

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

export interface CrashResult extends Verdict {
  /** Workers that ended by themselves. */
  readonly failures: readonly Error[];
  /** Dead letters by their reasons, with an example each. */
  readonly dead: readonly string[];
  /** How often sends and asks failed, by their codes. */
  readonly codes: Readonly<Record<string, number>>;
  readonly kills: number;
}

/** How long nothing may come before what is missing counts as lost. */
const patienceMs = 60_000;

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
  const { broker, seed, durationMs, repeatsMs = 5_000, onStep = () => {} } = options;
  const folder = await Deno.makeTempDir({ prefix: "posthorn-crash-" });
  const history = new History();
  const dead = new Map<string, string>();
  const codes: Record<string, number> = {};
  const onReport = (report: Report, worker: string) => {
    history.add(report);
    if (report.is === "dead") {
      dead.set(
        `${worker} ${report.reason}`,
        `${worker}: ${report.count} ${report.reason}: ${report.example}`,
      );
    } else if (report.is === "failed") codes[report.code] = (codes[report.code] ?? 0) + 1;
    else if (report.is === "note") onStep(`${worker}: ${report.text}`);
  };
  const workers = workersOf(broker, `crash${seed}`, folder);
  const faults = drawFaults({ ...options, workers: Object.keys(workers) });
  try {
    await using supervisor = new Supervisor({ workers, broker, onReport, onStep });
    await supervisor.tell("listen"); // each does so when it listens: who speaks before is not heard by all
    await supervisor.tell("go");
    await supervisor.run(durationMs, faults);
    onStep("everything runs: no more is sent");
    await supervisor.tell("quiet");
    const verdict = await settled(supervisor, history, repeatsMs, onStep);
    await supervisor.end();
    return {
      ...verdict,
      failures: supervisor.failures,
      dead: [...dead.values()],
      codes,
      kills: faults.length,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Asks for the states again and again. Ends when nothing is missing and nothing more has come for a while, or when
 * nothing comes for so long that what is missing is lost.
 */
async function settled(
  supervisor: Supervisor,
  history: History,
  repeatsMs: number,
  onStep: (step: string) => void,
): Promise<Verdict> {
  let received = -1;
  for (let quietMs = 0;; quietMs += 1_000) {
    await supervisor.tell("report");
    const verdict = check(history);
    if (verdict.received !== received) quietMs = 0;
    received = verdict.received;
    const isComplete = verdict.lost.length === 0;
    if (quietMs >= (isComplete ? repeatsMs : patienceMs)) return verdict;
    if (!isComplete && quietMs % 10_000 === 0) onStep(`${verdict.lost.length} have not come yet`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
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
