import type { System } from "@posthorn/posthorn";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import type { CommitHistory } from "./commit_history.ts";
import type { Clients, Work } from "./clients.ts";
import { deployedActors } from "./deploying.ts";
import { type Hanging, hungActors } from "./hung.ts";
import { type Job, kinds, News, partsOf } from "./messages.ts";
import type { RollingDeploy } from "./rolling_deploy.ts";
import { respondents, subscribeRespondents } from "./surveys.ts";

/** The parts of a run that a phase uses. */
export interface Stage {
  readonly simulation: Simulation<System>;
  readonly history: CommitHistory;
  readonly clients: Clients;
  readonly rollingDeploy: RollingDeploy;
  readonly hanging: Hanging;
  readonly failed: () => boolean;
  readonly fail: (why: string) => void;
  readonly reach: (branch: string) => void;
}

/** How long no process has the new revision: longer than an unknown operation waits. */
const abandonedMs = 360_000;
/**
 * The time after a crash within which work continues if it depends on no other instance: a start, a second of
 * work, and a margin.
 */
const onceMore = 4_000;
const subscribeMsMax = 60_000;
/** The time within which other work continues beside hanging handlers. */
const besideMs = 90_000;
const lastWishes: readonly Work[] = [
  { tag: "last1", does: "wait", more: 1_500, path: [] },
  { tag: "last2", does: "write", path: [] },
  { tag: "last3", does: "stamp", path: [] },
];

/** No process has the new revision for a while: messages that only it can handle wait, or are given up. */
export async function abandon(
  { simulation, history, clients, rollingDeploy, ...stage }: Stage,
): Promise<void> {
  const newer = simulation.running.find(({ host }) => rollingDeploy.revisionOf(host.name) === 2);
  // it accepts messages that only it can handle, and crashes before it handles them
  if (newer !== undefined) {
    void clients.burst("scroll/s3", lastWishes, newer).then(() => newer.host.crash());
  }
  await simulation.advance(1_000, stage.failed);
  rollingDeploy.abandon();
  await simulation.advance(5_000, stage.failed);
  const commits = simulation.store.log.length;
  for (const scroll of deployedActors) {
    void clients.send(scroll, { tag: `late-${scroll.slice(-1)}`, does: "write", path: [] }, "named");
  }
  const isBusy = () => simulation.store.log.length - commits > abandonedMs / 60;
  await simulation.advance(abandonedMs, () => stage.failed() || isBusy());
  if (isBusy()) return stage.fail("what is left alone is not left alone");
  for (const { actor, operation, tag, waits } of history.mails.values()) {
    if (!waits) continue;
    if (history.actors.get(actor)!.form === 2) {
      stage.reach("mail waits for the revision that wrote the state");
    } else if (operation === "stamp") stage.fail(`${tag} of ${actor} is not given up`);
  }
}

/** If the end of a process is detected at once, another continues with its messages at once. */
export async function restart({ simulation, history, clients, ...stage }: Stage): Promise<void> {
  if (simulation.running.length === 0) { // it has just been stopped for another revision
    await simulation.advance(30_000, () => stage.failed() || simulation.running.length > 0);
  }
  const [one] = simulation.running;
  const actor = "node/n9";
  await simulation.advance(1_000, stage.failed);
  void clients.burst(actor, lastWishes.filter(({ does }) => does !== "stamp"), one);
  await simulation.advance(500, stage.failed);
  one.host.crash();
  await simulation.advance(onceMore, stage.failed);
  const waiting = history.actors.get(actor)?.waiting ?? 0;
  if (waiting > 0) stage.fail(`${waiting} wait for ${actor} after its process ended`);
  else if (history.written(actor) > 0) stage.reach("what waited goes on in the next process");
}

/** Handlers still hang: all messages that do not wait behind them are handled. */
export async function goOnBeside({ simulation, history, hanging, ...stage }: Stage): Promise<void> {
  if (hanging.count > 0) stage.reach("a handler does not end");
  const left = () =>
    [...history.actors].filter(([name, { waiting }]) => waiting > 0 && !hungActors.includes(name));
  await simulation.advance(besideMs, () => stage.failed() || left().length === 0);
  const [first] = left();
  if (first !== undefined) stage.fail(`${first[1].waiting} wait for ${first[0]} beside handlers that hang`);
  hanging.end();
}

/** A message that crashes every process that handles it, until it is given up. */
export function poison({ simulation }: Pick<Stage, "simulation">): void {
  const running = simulation.running[0];
  if (running === undefined) return;
  const job: Job = { tag: "poison", from: "poison", seq: 0, path: [], does: "poison" };
  running.host.clock.macrotask(() => {
    running.system.ref(kinds.glass, "g0").tell(kinds.glass.job, job).catch(() => {});
  });
}

/** All actors subscribe before the first fault. Resolves with the time when all are subscribed. */
export async function subscribeAll(
  { simulation, history, ...stage }: Stage,
  subscribers: readonly string[],
  surveys: boolean,
): Promise<number> {
  await simulation.advance(500);
  const { system } = simulation.running[0];
  for (const name of subscribers) {
    const { kind, key } = partsOf(name);
    system.subscribe(News.posted, system.ref(kind, key).at(kind.heard));
  }
  if (surveys) subscribeRespondents(system);
  await simulation.advance(2_500);
  const wanted = subscribers.length + (surveys ? respondents.length : 0);
  const isSubscribed = () => history.subscribed >= wanted;
  if (!isSubscribed()) await simulation.advance(subscribeMsMax, isSubscribed);
  if (!isSubscribed()) stage.fail("not all can subscribe");
  return simulation.clock.now();
}
