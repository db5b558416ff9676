import type { Clock } from "../../base/clock.ts";
import type { Random } from "../../base/random.ts";
import type { AtomicPart, StoreConnection, StoreTraits } from "../../ports/store.ts";
import { isOfStore, OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import { type CommitSize, fits, requireFits, sizeOfCommit, sum } from "../../ports/commit_size.ts";

/**
 * What the store shows of a part that it called stale, or of which it did not answer. `landed`: the part is in the
 * store, under that version; the version is unknown if others have written over it since. `open`: it is not in the
 * store, and all that it checks still holds, so it may still land. `stale`: it is not in the store, and never will be.
 */
export type CommitOutcome = { readonly landed: string | undefined } | "open" | "stale";

/** What became of a part. */
export type CommitResult =
  /** It is in the store, under that version; the version is unknown if others have written over it since. */
  | { readonly status: "committed"; readonly version: string | undefined }
  /** A check failed, so nothing of it is in the store. `uncertain`: the store did not answer every attempt. */
  | { readonly status: "stale"; readonly uncertain: boolean }
  /** The store refused it: nothing of it is in the store. */
  | { readonly status: "refused"; readonly error: unknown }
  /** Nobody can know whether it is in the store. */
  | { readonly status: "unknown"; readonly error: OutcomeUnknownError };

/** A part that is to be committed. */
export interface CommitRequest {
  readonly part: AtomicPart;
  /** What errors call it. */
  readonly name: string;
  /** Its size in a commit, if its caller has checked that one commit takes it; computed and checked if it is absent. */
  readonly size?: CommitSize | undefined;
  /**
   * Parts of one lane are committed in the order of submission: a later one is not sent while an earlier one may still
   * land.
   */
  readonly lane?: string | undefined;
  /** Called once, in the order of submission within a lane. */
  done(result: CommitResult): void;
  /**
   * Asks the store what became of the part if the answer to its commit does not say so. A part without this function
   * counts as stale then.
   */
  find?(): Promise<CommitOutcome>;
}

interface QueuedCommit {
  readonly request: CommitRequest;
  readonly size: CommitSize;
  readonly sinceMs: number;
  /** Whether an attempt may have landed. */
  uncertain: boolean;
}

/**
 * How often a commit of unknown outcome is tried, for how long, and how long after the first attempt; the pause
 * doubles.
 */
const attemptsMax = 8;
const triedMsMax = 10_000;
const backoffMs = 50;
/**
 * If a commit took so long and failed, the parts that waited as long behind it fail as well: they would fare no better.
 */
const waitedMsMax = 5_000;
/** How many parts, or bytes, may wait before the system accepts nothing more from outside. */
const waitingMax = 100_000;
const waitingBytesMax = 67_108_864;
/** How many waiting parts are looked at to compose one group: those whose lane is under way are skipped. */
const lookMax = 1_000;
/** After so long without a pause, the event loop gets one long turn: sockets need several. */
const yieldAfterMs = 4;

/**
 * Group commit: parts that are submitted while a commit is under way go into the next one together, as many as one
 * commit takes. A part that is alone does not wait.
 */
export class GroupCommitter {
  readonly #connection: StoreConnection;
  readonly #traits: StoreTraits;
  readonly #clock: Clock;
  readonly #random: Random;
  #waiting: QueuedCommit[] = [];
  #waitingBytes = 0;
  /** The lanes of the commits that are under way. */
  readonly #lanes = new Set<string>();
  #underWay = 0;
  #scheduled = false;
  /** When the event loop had its last long turn, and when the last commit ended. */
  #yieldedMs = 0;
  #endedMs = 0;
  #onIdle: (() => void)[] = [];
  /** The parts that were sent to the store and not answered yet. */
  readonly #open = new Set<QueuedCommit>();
  readonly #pauses = new Set<() => void>();
  #ended: string | undefined = undefined;
  /** Why the last commit failed; absent if it succeeded. */
  failure: unknown;
  /** Called after each commit that the store has answered, with its begin by the monotonic clock and its number of parts. */
  onCommitted: ((beganMs: number, parts: number) => void) | undefined = undefined;

  constructor(connection: StoreConnection, traits: StoreTraits, clock: Clock, random: Random) {
    this.#connection = connection;
    this.#traits = traits;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * Throws a `StoreError` (`store-unavailable`) if so much waits that the system accepts nothing more from outside.
   * Whoever submits a part for an outsider calls this first, before anything is done. A turn does not: each actor in
   * memory has one at a time, and a turn that has run must not be lost.
   */
  requireRoom(name: string): void {
    const { length } = this.#waiting;
    if (length < waitingMax && this.#waitingBytes < waitingBytesMax) return;
    const full = length >= waitingMax
      ? `${length} of ${waitingMax} commits`
      : `${this.#waitingBytes} of ${waitingBytesMax} bytes`;
    throw new StoreError("store-unavailable", `Cannot commit ${name}: ${full} wait for the store`);
  }

  /** Commits a part. One that no commit can take is refused, and nothing waits behind it. */
  submit(request: CommitRequest): void {
    const { limits } = this.#traits;
    const size = request.size ?? sizeOfCommit(request.part, limits);
    try {
      if (this.#ended !== undefined) throw closed(this.#ended);
      if (request.size === undefined) requireFits(request.name, size, limits);
    } catch (error) {
      return queueMicrotask(() => request.done(failed(error)));
    }
    this.#waiting.push({ request, size, sinceMs: this.#clock.monotonicMs(), uncertain: false });
    this.#waitingBytes += size.bytes;
    this.#schedule();
  }

  /**
   * Commits a part at once, beside all that waits and is under way, and tries it only once. Resolves with its version,
   * or with nothing if a check failed; rejects if the store refused it or did not answer.
   */
  async commitAside(part: AtomicPart): Promise<string | undefined> {
    const beganMs = this.#clock.monotonicMs();
    try {
      const [version] = await this.#connection.commit([part]);
      this.failure = undefined;
      this.onCommitted?.(beganMs, 1);
      return version;
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  /** Resolves when no commit is under way and none waits. */
  idle(): Promise<void> {
    if (this.#underWay === 0 && this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** Refuses all further parts. Those that wait fail; of those that were sent to the store the outcome is unknown. */
  end(because = "the system has stopped"): void {
    if (this.#ended) return;
    this.#ended = because;
    for (const goOn of this.#pauses) goOn();
    this.#waitingBytes = 0;
    for (const { request } of this.#waiting.splice(0)) request.done(failed(closed(because)));
    for (const { request } of this.#open) {
      const why =
        `Cannot tell whether ${request.name} was committed: ${because}, and the store did not answer`;
      request.done(failed(new OutcomeUnknownError(why)));
    }
    this.#open.clear();
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
    if (nowMs - this.#endedMs >= yieldAfterMs) this.#yieldedMs = nowMs; // the event loop was free meanwhile
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
      for (const { request: { lane } } of group) {
        if (lane !== undefined) this.#lanes.add(lane);
      }
      void this.#carry(group);
    }
  }

  /** Takes as many waiting parts as one commit takes, in order, but skips those whose lane is under way. */
  #compose(): QueuedCommit[] {
    const { limits, partsAtOnce } = this.#traits;
    const group: QueuedCommit[] = [];
    const left: QueuedCommit[] = [];
    const passed = new Set<string>();
    const checked = new Set<string>();
    const written = new Set<string>();
    let size: CommitSize = { checks: 0, writes: 0, bytes: 0, keysBytes: 0 };
    let index = 0;
    for (; index < this.#waiting.length && index < lookMax && group.length < partsAtOnce; index++) {
      const waiting = this.#waiting[index];
      const { lane, part } = waiting.request;
      const together = sum(size, waiting.size);
      const taken = lane !== undefined && (passed.has(lane) || this.#lanes.has(lane));
      if (taken || !fits(together, limits) || meets(part, checked, written)) {
        if (lane !== undefined) passed.add(lane);
        left.push(waiting);
        continue;
      }
      size = together;
      group.push(waiting);
      for (const { key } of part.checks) checked.add(key);
      for (const { key } of part.writes) written.add(key);
      for (const { key } of part.removals) written.add(key);
    }
    this.#waitingBytes -= size.bytes;
    this.#waiting = left.length === 0 ? this.#waiting.slice(index) : [...left, ...this.#waiting.slice(index)];
    return group;
  }

  /** Commits a group, and then the parts that wait. */
  async #carry(group: readonly QueuedCommit[]): Promise<void> {
    for (const queued of group) this.#open.add(queued);
    await this.#commit(group);
    this.#underWay--;
    this.#endedMs = this.#clock.monotonicMs();
    for (const { request: { lane } } of group) if (lane !== undefined) this.#lanes.delete(lane);
    if (this.#waiting.length > 0) return this.#schedule();
    if (this.#underWay > 0) return;
    for (const idle of this.#onIdle.splice(0)) idle();
  }

  async #commit(group: readonly QueuedCommit[]): Promise<void> {
    const parts = group.map(({ request }) => request.part);
    const beganMs = this.#clock.monotonicMs();
    let versions: (string | undefined)[] | undefined;
    let failure: unknown;
    for (let attempt = 1; versions === undefined && !this.#ended; attempt++) {
      try {
        versions = await this.#connection.commit(parts);
      } catch (error) {
        failure = error;
        if (error instanceof OutcomeUnknownError) { for (const queued of group) queued.uncertain = true; }
        if (!isOfStore(error)) break; // the store would refuse the same commit again
        // A store that always answers, and did not in time, may still commit it: it must not be committed twice.
        if (!this.#traits.unknownOutcomes) break;
        // Until the outcome is known, no other part may take its place.
        if (!group[0].uncertain || this.#isOver(attempt, beganMs)) break;
        await this.#pause(attempt);
      }
    }
    if (this.#ended) return; // `end` has told whoever waited
    if (versions === undefined) return await this.#refused(group, failure, beganMs);
    this.failure = undefined;
    this.onCommitted?.(beganMs, parts.length);
    for (const [index, queued] of group.entries()) {
      const settling = this.#settle(queued, versions[index]);
      if (settling !== undefined) await settling;
    }
  }

  /**
   * The store refused a commit. A group that it refuses is divided, so that a part that it will never take stops no
   * other.
   */
  async #refused(group: readonly QueuedCommit[], error: unknown, beganMs: number): Promise<void> {
    if (!isOfStore(error) && group.length > 1) {
      const half = group.length >> 1;
      await this.#commit(group.slice(0, half)); // in order: they may share a lane
      if (!this.#ended) await this.#commit(group.slice(half));
      return;
    }
    if (isOfStore(error)) this.failure = error;
    for (const queued of group) {
      if (!this.#open.delete(queued)) continue;
      const unknown = queued.uncertain && error instanceof StoreError;
      queued.request.done(failed(unknown ? cannotTell(error) : error));
    }
    const longAgoMs = this.#clock.monotonicMs() - waitedMsMax;
    if (isOfStore(error) && beganMs <= longAgoMs) this.#giveUp(longAgoMs);
  }

  /** The store does not answer: parts that have waited since then were never sent to it, and fail. */
  #giveUp(sinceMs: number): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter((each) => each.sinceMs > sinceMs);
    for (const each of waiting) {
      if (each.sinceMs > sinceMs) continue;
      this.#waitingBytes -= each.size.bytes;
      const why = `Cannot commit ${each.request.name}: the store did not take what came before it`;
      each.request.done(failed(new StoreError("store-unavailable", why)));
    }
  }

  #settle(queued: QueuedCommit, version: string | undefined): Promise<void> | undefined {
    const { request, uncertain } = queued;
    if (version === undefined && (uncertain || this.#traits.unknownOutcomes)) return this.#find(queued);
    if (!this.#open.delete(queued)) return;
    request.done(version === undefined ? { status: "stale", uncertain } : { status: "committed", version });
  }

  /**
   * Finds out what became of a part. An attempt may have landed before the one that the store called stale: the client
   * of a store over a network repeats a commit whose answer was lost, and reports the answer to the second. A part that
   * has not landed, and still may, is committed again unchanged, so its outcome becomes known.
   */
  async #find(queued: QueuedCommit): Promise<void> {
    const { request } = queued;
    const beganMs = this.#clock.monotonicMs();
    let failure: unknown;
    for (let attempt = 1;; attempt++) {
      let found: CommitOutcome = "open";
      try {
        found = await request.find?.() ?? "stale";
        if (found === "open") {
          const sentMs = this.#clock.monotonicMs();
          const [version] = await this.#connection.commit([request.part]);
          this.onCommitted?.(sentMs, 1);
          if (version !== undefined) found = { landed: version };
        }
      } catch (error) {
        failure = error;
        queued.uncertain ||= error instanceof OutcomeUnknownError;
      }
      const over = found !== "open" || this.#isOver(attempt, beganMs);
      if (over && !this.#open.delete(queued)) return; // `end` has told whoever waited
      if (found === "stale") return request.done({ status: "stale", uncertain: queued.uncertain });
      if (found !== "open") return request.done({ status: "committed", version: found.landed });
      if (over) {
        this.failure = failure ?? this.failure;
        return request.done(failed(cannotTell(failure)));
      }
      await this.#pause(attempt);
      if (this.#ended) return;
    }
  }

  #isOver(attempt: number, beganMs: number): boolean {
    return attempt >= attemptsMax || this.#clock.monotonicMs() - beganMs >= triedMsMax;
  }

  /** Waits before the next attempt, or until the committer ends. */
  #pause(attempt: number): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      const goOn = () => {
        cancel();
        this.#pauses.delete(goOn);
        resolve();
      };
      const delayMs = backoffMs * 2 ** (attempt - 1) * (0.5 + this.#random.next());
      const cancel = this.#clock.setTimer(delayMs, goOn);
      this.#pauses.add(goOn);
    });
  }
}

function failed(error: unknown): CommitResult {
  if (error instanceof OutcomeUnknownError) return { status: "unknown", error };
  return { status: "refused", error };
}

function cannotTell(cause: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError("Cannot tell whether a commit landed", { cause });
}

function closed(because: string): StoreError {
  return new StoreError("store-closed", `Cannot commit: ${because}`);
}

/** Whether a part checks a key that another of its group changes, or the other way round. */
function meets(
  { checks, writes, removals }: AtomicPart,
  checked: Set<string>,
  written: Set<string>,
): boolean {
  for (const { key } of checks) if (written.has(key)) return true;
  if (checked.size === 0) return false;
  for (const { key } of writes) if (checked.has(key)) return true;
  for (const { key } of removals) if (checked.has(key)) return true;
  return false;
}
