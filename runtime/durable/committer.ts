import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import type { Part, StoreConnection, StoreTraits } from "../store.ts";
import { OutcomeUnknownError } from "../store_errors.ts";
import { fits, sum, weigh, type Weight } from "../store_weight.ts";

/** A part on its way into the store, and who waits for it. */
export abstract class Commission {
  /** Parts of one lane are committed in the order of submission: none is under way while an earlier one may still land. */
  readonly lane: string | undefined;
  /** Whether an attempt may have landed. */
  uncertain = false;

  constructor(lane?: string) {
    this.lane = lane;
  }

  /** What to commit; always the same. */
  abstract readonly part: Part;
  /** It is committed: its writes have this version. */
  abstract committed(version: string): void;
  /** A check failed: nothing of it is there. */
  abstract stale(): void;
  /** The store did not take it. */
  abstract failed(error: unknown): void;
  /** The version under which an uncertain attempt landed, if it did. */
  abstract landed(): Promise<string | undefined>;
}

interface Waiting {
  readonly commission: Commission;
  readonly weight: Weight;
}

/** How often a commit is tried whose outcome is unknown, and how long after the first time; it doubles. */
const attemptsMax = 8;
const backoffMs = 50;
/** How many that wait are looked at for one group: those whose lane is taken are passed by. */
const lookMax = 1_000;
/** After so long without a pause, the event loop gets a long turn: sockets need several. */
const yieldAfterMs = 4;

/**
 * Group commit: what becomes ready while a commit is under way goes into the next, together, as much as one takes. One
 * that is alone does not wait.
 */
export class Committer {
  readonly #connection: StoreConnection;
  readonly #traits: StoreTraits;
  readonly #clock: Clock;
  readonly #random: Random;
  #waiting: Waiting[] = [];
  readonly #lanes = new Map<string, number>();
  #underWay = 0;
  #scheduled = false;
  /** When the event loop had its last long turn, and when the last commit ended. */
  #yieldedMs = 0;
  #endedMs = 0;
  #onIdle: (() => void)[] = [];
  /** Why the last commit did not come through; absent where it did. */
  failure: unknown;

  constructor(connection: StoreConnection, traits: StoreTraits, clock: Clock, random: Random) {
    this.#connection = connection;
    this.#traits = traits;
    this.#clock = clock;
    this.#random = random;
  }

  /** Commits a part, which one commit can take. `weight` is what it takes, where that is known. */
  submit(commission: Commission, weight: Weight = weigh(commission.part, this.#traits.limits)): void {
    this.#waiting.push({ commission, weight });
    this.#schedule();
  }

  /**
   * Commits a part at once and once, beside all that waits and is under way. Resolves with its version, or nothing where
   * a check failed; rejects where the store did not take it, or did not say.
   */
  async commitAside(part: Part): Promise<string | undefined> {
    try {
      const [version] = await this.#connection.commit([part]);
      this.failure = undefined;
      return version;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** Resolves when nothing is under way any more. */
  idle(): Promise<void> {
    if (this.#underWay === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    if (!this.#mayBegin()) return;
    this.#scheduled = true;
    const flush = () => {
      this.#scheduled = false;
      this.#flush();
    };
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#endedMs >= yieldAfterMs) this.#yieldedMs = nowMs; // others had their turns
    if (nowMs - this.#yieldedMs < yieldAfterMs) return this.#clock.macrotask(flush);
    this.#yieldedMs = nowMs;
    this.#clock.yield(flush);
  }

  #mayBegin(): boolean {
    const { commitsAtOnce, fullCommitsAtOnce, partsAtOnce } = this.#traits;
    const most = this.#waiting.length >= partsAtOnce ? fullCommitsAtOnce : commitsAtOnce;
    return this.#underWay < most;
  }

  #flush(): void {
    while (this.#mayBegin()) {
      const group = this.#compose();
      if (group.length === 0) return;
      this.#underWay++;
      for (const { lane } of group) {
        if (lane !== undefined) this.#lanes.set(lane, (this.#lanes.get(lane) ?? 0) + 1);
      }
      void this.#commit(group);
    }
  }

  /** Takes as many of those that wait as one commit takes, in order, but for those whose lane is taken. */
  #compose(): Commission[] {
    const { limits, partsAtOnce } = this.#traits;
    const group: Commission[] = [];
    const left: Waiting[] = [];
    const passed = new Set<string>();
    const checked = new Set<string>();
    const written = new Set<string>();
    let weight: Weight = { checks: 0, writes: 0, bytes: 0, keysBytes: 0 };
    let index = 0;
    for (; index < this.#waiting.length && index < lookMax && group.length < partsAtOnce; index++) {
      const waiting = this.#waiting[index];
      const { commission } = waiting;
      const { lane, part } = commission;
      const together = sum(weight, waiting.weight);
      const taken = lane !== undefined && (passed.has(lane) || this.#lanes.has(lane));
      if (taken || !fits(together, limits) || meets(part, checked, written)) {
        if (lane !== undefined) passed.add(lane);
        left.push(waiting);
        continue;
      }
      weight = together;
      group.push(commission);
      for (const { key } of part.checks) checked.add(key);
      for (const { key } of part.writes) written.add(key);
      for (const { key } of part.removals) written.add(key);
    }
    this.#waiting = left.length === 0 ? this.#waiting.slice(index) : [...left, ...this.#waiting.slice(index)];
    return group;
  }

  async #commit(group: readonly Commission[]): Promise<void> {
    const parts = group.map(({ part }) => part);
    let versions: (string | undefined)[] | undefined;
    let failure: unknown;
    for (let attempt = 0; versions === undefined; attempt++) {
      try {
        versions = await this.#connection.commit(parts);
      } catch (error) {
        failure = error;
        if (error instanceof OutcomeUnknownError) {
          for (const commission of group) commission.uncertain = true;
        }
        // Until it is known, nobody may go on in its place.
        if (!group[0].uncertain || attempt + 1 >= attemptsMax) break;
        await this.#pause(backoffMs * 2 ** attempt * (0.5 + this.#random.next()));
      }
    }
    const failed = versions === undefined;
    if (failed && group[0].uncertain && !(failure instanceof OutcomeUnknownError)) {
      failure = new OutcomeUnknownError("Cannot tell whether a commit landed", { cause: failure });
    }
    this.failure = failed ? failure : undefined;
    for (const [index, commission] of group.entries()) {
      const settling = this.#settle(commission, failed, failure, versions?.[index]);
      if (settling !== undefined) await settling;
    }
    this.#underWay--;
    this.#endedMs = this.#clock.monotonicMs();
    for (const { lane } of group) if (lane !== undefined) this.#release(lane);
    if (this.#waiting.length > 0) return this.#schedule();
    if (this.#underWay > 0) return;
    for (const idle of this.#onIdle.splice(0)) idle();
  }

  #settle(
    commission: Commission,
    failed: boolean,
    failure: unknown,
    version: string | undefined,
  ): Promise<void> | undefined {
    if (failed) commission.failed(failure);
    else if (version !== undefined) commission.committed(version);
    else if (!commission.uncertain) commission.stale();
    else return this.#find(commission);
  }

  /** An earlier attempt may have landed: then a check fails now. */
  async #find(commission: Commission): Promise<void> {
    try {
      const landed = await commission.landed();
      if (landed === undefined) commission.stale();
      else commission.committed(landed);
    } catch (error) {
      commission.failed(new OutcomeUnknownError("Cannot tell whether a commit landed", { cause: error }));
    }
  }

  #release(lane: string): void {
    const count = this.#lanes.get(lane)! - 1;
    if (count === 0) this.#lanes.delete(lane);
    else this.#lanes.set(lane, count);
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.#clock.setTimer(delayMs, resolve));
  }
}

/** Whether a part checks what another of its group changes, or the other way round. */
function meets({ checks, writes, removals }: Part, checked: Set<string>, written: Set<string>): boolean {
  for (const { key } of checks) if (written.has(key)) return true;
  if (checked.size === 0) return false;
  for (const { key } of writes) if (checked.has(key)) return true;
  for (const { key } of removals) if (checked.has(key)) return true;
  return false;
}
