import { seededRandom } from "@posthorn/posthorn/testing";

/** Something is killed with SIGKILL, and starts again some time later. */
export interface Fault {
  readonly atMs: number;
  /** The name of a worker, or "broker". */
  readonly target: string;
  readonly backAfterMs: number;
}

export interface FaultOptions {
  readonly seed: number;
  /** The time in which faults begin. */
  readonly durationMs: number;
  readonly workers: readonly string[];
  /** One worker is killed in each such time; none if it is longer than the duration. */
  readonly killEachMs: number;
  /** How often the broker is killed. */
  readonly brokerKills: number;
}

/** When what is killed: the same for the same seed. Workers take turns, in an order that is drawn. */
export function drawFaults(options: FaultOptions): Fault[] {
  const { seed, durationMs, workers, killEachMs, brokerKills } = options;
  const random = seededRandom(seed);
  const faults: Fault[] = [];
  let turn: string[] = [];
  for (let beginMs = 0; beginMs + killEachMs <= durationMs; beginMs += killEachMs) {
    if (turn.length === 0) turn = [...workers];
    const [target] = turn.splice(Math.floor(random.next() * turn.length), 1);
    // It is back before the next one goes.
    const atMs = Math.round(beginMs + killEachMs * (0.2 + 0.4 * random.next()));
    faults.push({ atMs, target, backAfterMs: Math.round(killEachMs * 0.4 * random.next()) });
  }
  for (let index = 0; index < brokerKills; index++) {
    const shareMs = durationMs / brokerKills;
    const atMs = Math.round(shareMs * (index + 0.3 + 0.4 * random.next()));
    faults.push({ atMs, target: "broker", backAfterMs: Math.round(2_000 * random.next()) });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}
