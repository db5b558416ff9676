import type { Clock } from "../../base/clock.ts";
import type { AtomicPart } from "../../ports/store.ts";
import { RungClock } from "../../scheduling/rung_clock.ts";
import { Timers } from "../../scheduling/timers.ts";
import { outboxPrefix, scheduled, schedulePrefix, wholeIndexPrefix } from "../rows/keys.ts";

/** How long after a commit a process is started again that has ended before it handled what it committed. */
const leftBehindMs = 30_000;
/** For what is due within this time a process waits, rather than be stopped and started again. */
const soonMs = 2_000;
/** The farthest time that is told: platforms take none beyond some year, and to look once more costs little. */
const farthestMs = 30 * 86_400_000;
/** The clock of the platform may be so far ahead: then the process runs a little before the time that was told. */
const earlyMs = 1_000;
/** Two measurements of one time differ by less: that is no earlier time. */
const sameMs = 10;

/** Told when this process must run again: at that time, in milliseconds since 1970, or for nothing that waits now. */
export type TellWakeAt = (atMs: number | undefined) => void;

/**
 * When this process must run again, if it does not run until then, for what waits in the store: at the next schedule or
 * retry, and a while after a commit whose messages it may not handle, since it may end at any time. That is told before
 * the commit that makes it necessary, so no crash comes between the two; and as seldom as possible, because a time that is
 * too early only costs a look. A store may keep an earlier time than it was told, so each heartbeat tells it once more.
 *
 * If the store starts the process again (`sleeps`), the platform may stop it whenever it has no timer. So what is not due
 * soon has none: the process is started at the time that was told, and its next heartbeat finds what is due.
 */
export class WakeTimes {
  /** The timers of what waits in the store. */
  readonly timers: Timers;
  /** The timers of idle actors: no process stays for them, or is started. */
  readonly idleTimers: Timers;
  readonly #clock: Clock;
  readonly #tell: TellWakeAt | undefined;
  /** Tells the store the same once more, if it can start this process. */
  readonly #remind: TellWakeAt | undefined;
  readonly #sleeps: boolean;
  readonly #wakeClock: RungClock;
  readonly #idleClock: RungClock;
  /** The time that was told last, until it has passed. */
  #toldMs: number | undefined;

  /** `tell` is absent if nobody wants to know, and `remind` if the store cannot start this process. */
  constructor(clock: Clock, tell: TellWakeAt | undefined, remind: TellWakeAt | undefined) {
    const sleeps = remind !== undefined;
    this.#clock = clock;
    this.#tell = tell;
    this.#remind = remind;
    this.#sleeps = sleeps;
    this.#wakeClock = new RungClock(clock, (delayMs) => {
      if (delayMs > soonMs) this.#wakeBy(clock.now() + delayMs);
      return sleeps && delayMs > soonMs;
    });
    this.#idleClock = new RungClock(clock, (delayMs) => sleeps && delayMs > 0);
    this.timers = new Timers(this.#wakeClock);
    this.idleTimers = new Timers(this.#idleClock);
    this.timers.leavesNone = this.idleTimers.leavesNone = true;
  }

  /** Whether the process must stay awake for something that is due. */
  get waits(): boolean {
    const { leftMs } = this.#wakeClock;
    return leftMs !== undefined && (!this.#sleeps || leftMs <= soonMs);
  }

  /** These parts are about to be committed: tells first if that makes it necessary to run again. */
  committing(parts: readonly AtomicPart[]): void {
    if (this.#tell === undefined) return;
    const nowMs = this.#clock.now();
    let atMs = Infinity;
    for (const { writes } of parts) {
      for (const { key } of writes) atMs = Math.min(atMs, neededAt(key, nowMs));
    }
    this.#wakeBy(atMs);
  }

  /** The process runs: goes on with what is due. */
  ring(): void {
    this.#wakeClock.ring();
    this.#idleClock.ring();
  }

  /** A heartbeat has ended. `busy` says whether something waits without a time. Tells when to run again. */
  settle(busy: boolean): void {
    const leftMs = this.#wakeClock.leftMs ?? Infinity;
    const nowMs = this.#clock.now();
    const afterMs = Math.min(busy ? leftBehindMs : Infinity, leftMs > soonMs ? leftMs : leftBehindMs);
    const atMs = nowMs + afterMs;
    if (this.#toldMs !== undefined && this.#toldMs <= nowMs + earlyMs) this.#toldMs = undefined; // it may have come
    if (atMs !== Infinity) this.#wakeBy(atMs);
    else if (this.#toldMs !== undefined) {
      this.#toldMs = undefined;
      this.#tell?.(undefined);
    }
    this.remind();
  }

  /** Tells the store its time once more: it may have kept an earlier one, which has come while the process ran. */
  remind(): void {
    if (this.#toldMs !== undefined) this.#remind?.(this.#toldMs);
  }

  /** Cancels all timers, because the system has stopped. What was told stays so, for what stays in the store. */
  end(): void {
    this.timers.clear();
    this.idleTimers.clear();
  }

  #wakeBy(neededMs: number): void {
    if (this.#tell === undefined || neededMs === Infinity) return;
    const nowMs = this.#clock.now();
    const atMs = Math.min(neededMs, nowMs + farthestMs);
    if (this.#toldMs !== undefined && this.#toldMs < atMs + sameMs && this.#toldMs > nowMs) return;
    this.#toldMs = atMs;
    this.#tell(atMs);
  }
}

/** When this process must run because a row is written. */
function neededAt(key: string, nowMs: number): number {
  if (key.startsWith(wholeIndexPrefix) || key.startsWith(outboxPrefix)) return nowMs + leftBehindMs;
  if (!key.startsWith(schedulePrefix)) return Infinity;
  const { dueMs } = scheduled(key);
  return dueMs - nowMs > soonMs ? dueMs : nowMs + leftBehindMs;
}
