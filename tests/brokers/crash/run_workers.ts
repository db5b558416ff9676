import { check, type Verdict } from "./check.ts";
import { drawFaults } from "./draw_faults.ts";
import { History, type Report } from "./history.ts";
import { type KillableBroker, Supervisor } from "./supervisor.ts";

export interface RunOptions {
  /** What follows `deno run -A`, for each worker by its name, as for the supervisor. */
  readonly workers: Readonly<Record<string, readonly string[]>>;
  /** What is between the workers, and is killed too. */
  readonly broker: KillableBroker;
  readonly seed: number;
  readonly durationMs: number;
  /** One process is killed in each such time. */
  readonly killEachMs: number;
  readonly brokerKills: number;
  /** How long nothing may come before no repeats are expected any more. */
  readonly repeatsMs?: number;
  /** Further faults, until the signal. */
  readonly beside?: (signal: AbortSignal) => Promise<void>;
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

/** Runs workers while they and what is between them are killed. Then waits until all that was accepted has come. */
export async function runWorkers(options: RunOptions): Promise<CrashResult> {
  const { workers, broker, durationMs, repeatsMs = 5_000, beside = async () => {}, onStep = () => {} } =
    options;
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
  const faults = drawFaults({ ...options, workers: Object.keys(workers) });
  await using supervisor = new Supervisor({ workers, broker, onReport, onStep });
  await supervisor.tell("listen"); // each does so when it listens: who speaks before is not heard by all
  await supervisor.tell("go");
  const over = new AbortController();
  const besides = beside(over.signal);
  try {
    await supervisor.run(durationMs, faults);
  } finally {
    over.abort();
    await besides;
  }
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
