import type { CommitHistory } from "./commit_history.ts";
import { transientActors } from "./transient_actors.ts";
import { fullMailboxes } from "./full_mailboxes.ts";
import { bulky } from "./bulky.ts";
import { callers } from "./callers.ts";
import { cancelling } from "./cancelling.ts";
import type { Workload } from "./clients.ts";
import { deadlines } from "./deadlines.ts";
import { delays } from "./delays.ts";
import { deploying } from "./deploying.ts";
import { usualWork } from "./usual_work.ts";
import type { Erasures } from "./erasing.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { hundreds } from "./hundreds.ts";
import { hung } from "./hung.ts";
import { type LaterCheck, laters } from "./laters.ts";
import { leaving } from "./leaving.ts";
import { limited } from "./limited.ts";
import { type Listeners, listening } from "./listening.ts";
import { mayflies } from "./mayflies.ts";
import type { Pauses } from "./pausing.ts";
import { poisons } from "./poisons.ts";
import { reminders } from "./reminders.ts";
import { saturated } from "./saturated.ts";
import type { Scene } from "./scenes.ts";
import type { System } from "@posthorn/posthorn";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import { spoiled } from "./spoiled.ts";
import { surveys } from "./surveys.ts";
import { transactions } from "./transactions.ts";

/** The number of actions in every run; fewer if each takes long. */
const usual = 120;
const few = 30;

/** All workloads of a run. */
export function workloadsOf(
  faultPlan: FaultPlan,
  { simulation, history, listeners, laterCheck, erasures, pauses, fail }: {
    readonly simulation: Simulation<System>;
    readonly history: CommitHistory;
    readonly listeners: Listeners;
    readonly laterCheck: LaterCheck;
    readonly erasures: Erasures;
    readonly pauses: Pauses;
    readonly fail: (why: string) => void;
  },
): readonly Workload[] {
  const { limits, brim, deploy, beside, scenes } = faultPlan;
  const count = scenes.includes("saturated") ? few : usual;
  const workloads: Workload[] = [usualWork(limits.bytes === undefined ? 90_000 : 8_000, count)];
  if (brim > 0) workloads.push(fullMailboxes);
  if (deploy !== undefined) workloads.push(deploying);
  if (beside) workloads.push(transientActors);
  if (faultPlan.listening) workloads.push(listening(listeners));
  const own: Partial<Record<Scene, Workload>> = {
    bulky: bulky(limits),
    callers,
    cancelling: cancelling(history, fail),
    deadlines,
    delays,
    erasing: erasures.workload(history, fail),
    hundreds,
    hung,
    laters: laters(laterCheck),
    leaving,
    limited,
    mayflies,
    ...scenes.includes("pausing") && { pausing: pauses.workload(simulation) },
    poisons,
    reminders,
    saturated,
    spoiled,
    surveys: surveys(history, fail),
    ...scenes.includes("transactions") && { transactions: transactions(simulation) },
  };
  for (const scene of scenes) if (own[scene] !== undefined) workloads.push(own[scene]);
  return workloads;
}
