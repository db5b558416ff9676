import { System } from "@posthorn/posthorn";
import { seededRandom } from "@posthorn/posthorn/testing";
import { Simulation } from "@posthorn/posthorn/testing/simulation";
import { scheduled } from "../../../runtime/durable/rows/keys.ts";
import { Patches } from "../patches.ts";
import { spaceOf } from "../rule.ts";
import { uncaught } from "../uncaught.ts";
import { type Chore, Sleeper, sleeper } from "./sleepers.ts";
import { sleepRules } from "./sleep_rules.ts";

export interface SleepOptions {
  /** A rule to remove. */
  readonly without?: string | undefined;
  readonly onStep?: ((step: string) => void) | undefined;
}

export interface SleepResult {
  readonly seed: number;
  /** The first fault found; `undefined` if there is none. */
  readonly failure: string | undefined;
  readonly hash: string;
  /** The last steps before it failed. */
  readonly steps: readonly string[];
  /** The faults that occurred, and whether the process slept and was started in time. */
  readonly marks: ReadonlySet<string>;
  readonly happened: number;
  readonly commits: number;
  /** How long nobody spoke to it. */
  readonly restMs: number;
  readonly faultPlan: { readonly order: string };
}

const visits = 25;
const visitEachMs = 4_000;
/** How often the process crashes when nobody speaks to it any more, and within what time. */
const crashes = 6;
const crashesMs = 200_000;
/** The longest wait of a chore, and the time by which all must be done: several may wait one after the other. */
const waitMsMax = 240_000;
const untilMs = 3_600_000;
/** How late a schedule may be: its process ends when it is due, and is started half a minute later, twice. */
const lateMsMax = 75_000;

/**
 * One run: users speak to a process, which crashes and is put to sleep, and then nobody speaks to it any more. Whatever it
 * has accepted must be done in time.
 */
export async function simulateSleeping(
  seed: number,
  { without, onStep }: SleepOptions = {},
): Promise<SleepResult> {
  const rule = sleepRules.find(({ name }) => name === without);
  if (without !== undefined && rule === undefined) throw new RangeError(`There is no rule ${without}`);
  let failure: string | undefined;
  let steps: readonly string[] = [];
  const fail = (why: string) => {
    if (failure !== undefined) return;
    failure = why;
    simulation.note(`WRONG: ${why}`);
    steps = simulation.lastSteps;
  };
  using _ = uncaught(fail);
  using patches = new Patches();
  rule?.code(patches);

  const random = seededRandom(Math.imul(seed, 0x9e3779b1));
  const order = random.next() < 0.5 ? "hold" as const : "aside" as const;
  const accepted = new Set<string>();
  const done = new Set<string>();
  const simulation: Simulation<System> = new Simulation<System>({
    seed,
    processes: 1,
    sleeps: 20,
    ...(onStep && { onStep }),
    faults: { crash: 8 * random.next(), stop: 2 * random.next() },
    store: {
      traits: { processes: "one", unknownOutcomes: false, commitsAtOnce: 1, fullCommitsAtOnce: 1 },
      onCommit: ({ instance, version, parts }) => {
        const keys = parts.flatMap((
          { writes, removals },
        ) => [...writes, ...removals.map((key) => `-${key}`)]);
        simulation.note(`${instance} commits ${version}: ${keys.join(" ").replaceAll("\u001f", "/")}`);
      },
      faults: { locked: 0.1 * random.next(), crashLands: random.next() },
    },
    start: (host) => {
      const ran = (tag: string) => void done.add(tag);
      return new System({ ...host, actors: [sleeper(host.clock, ran, order)], drainMs: 0, log: false });
    },
  });

  const tell = (chore: Chore, accept: () => void) => {
    simulation.speak();
    const system = simulation.running[0]?.system;
    const ref = system?.ref(Sleeper, `s${Math.floor(random.next() * 4)}`);
    ref?.tell(Sleeper.chore, chore, { id: chore.tag }).then(accept, () => {}); // what is refused is no promise
  };
  for (let visit = 1; visit <= visits && failure === undefined; visit++) {
    const chore = choreOf(`c${visit}`, random.next(), random.next(), random.next());
    tell(chore, () => accepted.add(chore.tag));
    await simulation.advance(visitEachMs * 2 * random.next());
  }
  simulation.calm();
  for (let crash = 1; crash <= crashes; crash++) {
    simulation.clock.setTimer(crashesMs * random.next(), () => simulation.running[0]?.host.crash());
  }
  await rest(simulation, fail, () => [...accepted].filter((tag) => !done.has(tag)));

  // All alarms have rung. The process ends as soon as it has accepted one more, or when that waits to be done.
  const crashMs = random.next() < 0.5 ? 0 : random.next() * 20_000;
  tell({ tag: "last", does: "after", ms: random.next() * waitMsMax }, () => {
    accepted.add("last");
    simulation.clock.setTimer(crashMs, () => simulation.running[0]?.host.crash());
  });
  await rest(simulation, fail, () => [...accepted].filter((tag) => !done.has(tag)));
  const marks = new Set<string>();
  if (simulation.slept > 0) marks.add("the process sleeps");
  if (simulation.woken > 0) marks.add("the process is started in time");
  for (const [fault, count] of Object.entries(simulation.store.counts)) {
    if (count > 0) marks.add(`fault ${fault}`);
  }
  return {
    seed,
    failure,
    hash: simulation.hash,
    steps,
    marks,
    happened: simulation.happened,
    commits: simulation.store.log.length,
    restMs: 2 * untilMs,
    faultPlan: { order },
  };
}

/** Nobody speaks to the process: what it has accepted is done in time, nothing of it is left, and it sleeps. */
async function rest(
  simulation: Simulation<System>,
  fail: (why: string) => void,
  left: () => readonly string[],
): Promise<void> {
  const rows = (...kinds: readonly string[]) =>
    simulation.store.snapshot().filter(({ key }) => kinds.includes(spaceOf(key)));
  const overdueMs = () => {
    const [first] = rows("schedule");
    return first === undefined ? 0 : simulation.clock.now() - scheduled(first.key).dueMs;
  };
  await simulation.advance(untilMs, () => overdueMs() > lateMsMax);
  if (overdueMs() > lateMsMax) fail(`a schedule was due ${Math.round(overdueMs() / 1_000)} s ago`);
  if (left().length > 0) fail(`${left().join(" ")} will never be done`);
  const waiting = rows("mail", "schedule", "index").map(({ key }) => key.replaceAll("\u001f", "/"));
  if (waiting.length > 0) fail(`${waiting.join(" ")} waits`);
  if (simulation.running.length > 0) fail("the process does not sleep");
}

function choreOf(tag: string, kind: number, wait: number, to: number): Chore {
  const next = to < 0.3 ? { next: `s${Math.floor(to * 10)}` } : {};
  const ms = wait * wait * waitMsMax;
  if (kind < 0.3) return { tag, does: "note", ms: 0, ...next };
  if (kind < 0.5) return { tag, does: "await", ms: ms / 4, ...next };
  return { tag, does: kind < 0.75 ? "after" : "fail", ms };
}
