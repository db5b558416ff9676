import type { Clock } from "../base/clock.ts";
import type { Deadline } from "../messages/envelope.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Timer, Timers } from "./timers.ts";

/** Someone who waits until a deadline. Those of one deadline are linked in a list. */
export interface DeadlineWaiter {
  /** The neighbours in the list. Only the list changes them. */
  before: DeadlineWaiter | undefined;
  after: DeadlineWaiter | undefined;
  /** The time is up. */
  expire(): void;
  /** The system stopped first. */
  stopped(): void;
}

/**
 * The shared deadline of all who began to wait between two reads of the clock, with the same time-out. It counts from
 * the second read, so that no time-out is too short, and nobody needs a clock read or a timer of its own.
 */
export class SharedDeadline implements Deadline {
  readonly timeoutMs: number;
  dueMs = Infinity;
  private readonly clock: Clock;
  first: DeadlineWaiter | undefined;
  last: DeadlineWaiter | undefined;
  timer: Timer | undefined;

  constructor(timeoutMs: number, clock: Clock) {
    this.timeoutMs = timeoutMs;
    this.clock = clock;
  }

  /** Whether its time has begun. */
  get begun(): boolean {
    return this.dueMs !== Infinity;
  }

  get atMs(): number {
    return this.dueMs === Infinity ? this.clock.now() + this.timeoutMs : this.dueMs;
  }

  add(waiting: DeadlineWaiter): void {
    const { last } = this;
    waiting.before = last;
    if (last === undefined) this.first = waiting;
    else last.after = waiting;
    this.last = waiting;
  }

  /** Removes one that waits. */
  remove(waiting: DeadlineWaiter): void {
    const { before, after } = waiting;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.last = before;
    else after.before = before;
    waiting.before = waiting.after = undefined;
    if (this.first === undefined) this.timer?.cancel();
  }
}

/** The deadlines of all who wait in this process. */
export class Deadlines {
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly scheduler: Scheduler;
  /** The deadlines since the last read of the clock, by their time-out. */
  private readonly open = new Map<number, SharedDeadline>();
  private latest: SharedDeadline | undefined;

  constructor(clock: Clock, timers: Timers, scheduler: Scheduler) {
    this.clock = clock;
    this.timers = timers;
    this.scheduler = scheduler;
  }

  /** Adds one that waits for `timeoutMs`, until it is removed from the deadline that this returns. */
  add(waiting: DeadlineWaiter, timeoutMs: number): SharedDeadline {
    const latest = this.latest;
    const shared = latest !== undefined && latest.timeoutMs === timeoutMs ? latest : this.shared(timeoutMs);
    shared.add(waiting);
    return shared;
  }

  /** As `add`, but its time begins at once: for who reads the clock anyway. */
  addNow(waiting: DeadlineWaiter, timeoutMs: number): SharedDeadline {
    const deadline = new SharedDeadline(timeoutMs, this.clock);
    deadline.add(waiting);
    this.count(deadline, this.clock.now());
    return deadline;
  }

  /** The clock has been looked at: what began before counts from now on. */
  begin(): void {
    if (this.latest === undefined) return;
    const { nowMs } = this.scheduler;
    for (const shared of this.open.values()) this.count(shared, nowMs);
    this.open.clear();
    this.latest = undefined;
  }

  /** The time of a deadline begins. */
  private count(shared: SharedDeadline, nowMs: number): void {
    shared.dueMs = nowMs + shared.timeoutMs;
    if (shared.first === undefined) return;
    shared.timer = this.timers.set(
      shared.timeoutMs,
      () => each(shared, (waiting) => waiting.expire()),
      () => each(shared, (waiting) => waiting.stopped()),
    );
  }

  /** Whether somebody's time does not count yet. */
  get wantsLook(): boolean {
    return this.latest !== undefined && this.open.values().some((shared) => shared.first !== undefined);
  }

  /** The system has stopped: tells those whose time no timer counts yet. */
  stop(): void {
    for (const shared of this.open.values()) each(shared, (waiting) => waiting.stopped());
  }

  private shared(timeoutMs: number): SharedDeadline {
    let shared = this.open.get(timeoutMs);
    if (shared === undefined) {
      shared = new SharedDeadline(timeoutMs, this.clock);
      this.open.set(timeoutMs, shared);
    }
    return this.latest = shared;
  }
}

/** Whoever is called leaves the list. */
function each(shared: SharedDeadline, call: (waiting: DeadlineWaiter) => void): void {
  for (let first = shared.first; first !== undefined; first = shared.first) call(first);
}
