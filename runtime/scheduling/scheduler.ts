import type { Clock } from "../base/clock.ts";

/** Something that has work, such as an actor with messages. */
export interface Runnable {
  /** The next one in the queue. Only the scheduler changes it. */
  nextReady: Runnable | undefined;
  /** Works until `scheduler.spend()` returns false or no work is left. Returns whether work is left. */
  run(scheduler: Scheduler): boolean;
}

/** Options of a {@linkcode Scheduler}. */
export interface SchedulerOptions {
  /**
   * The most messages of one mailbox before the next has its turn, at least 1.
   *
   * @default {4_096}
   */
  readonly throughput?: number;
  /**
   * The most time of one mailbox before the next has its turn, in milliseconds above 0.
   *
   * @default {1}
   */
  readonly mailboxMs?: number;
  /**
   * The most time before timers, sockets and signals have theirs, in milliseconds above 0.
   *
   * @default {1.5}
   */
  readonly sliceMs?: number;
}

/** Somebody who waits for a turn without a mailbox. It counts as one message. */
class Pass implements Runnable {
  nextReady: Runnable | undefined = undefined;
  private readonly resolve: () => void;

  constructor(resolve: () => void) {
    this.resolve = resolve;
  }

  run(scheduler: Scheduler): boolean {
    scheduler.spend(1);
    this.resolve();
    return false;
  }
}

/** The most messages between two reads of the clock. */
const strideMax = 256;
/** The most messages of one slice: on a deployed worker the clock stands still until the event loop turns. */
const sliceMax = 32_768;
/** The most slices that begin before it asks whether the event loop has turned, each of which reads the clock. */
const unseenMax = 16;
/**
 * The clock is read about once in this time: the stride shrinks at once if it took longer, and grows below half of it.
 */
const strideMs = 0.25;

/**
 * Runs whatever is ready, in the order in which it became ready: a bounded part of each, then the next. After a slice
 * of time it yields to the event loop.
 *
 * It begins in a microtask, so that a single message is handled at once. A slice lasts over several microtasks until
 * the event loop has turned: otherwise a loop of awaited asks would starve timers and sockets for ever. It asks whether
 * that has turned when a few slices have begun or the time of one is over, since it may have turned unseen.
 */
export class Scheduler {
  private readonly clock: Clock;
  private readonly onRest: () => void;
  private readonly onLook: () => void;
  private readonly wantsLook: () => boolean;
  private readonly options: Required<SchedulerOptions>;
  private first: Runnable | undefined;
  private last: Runnable | undefined;
  /** Whether a slice runs or is scheduled. */
  private awake = false;
  /** Whether the event loop has turned since the slice began. */
  private turned = true;
  /** Whether the clock will call it when the event loop turns. */
  private armed = false;
  private exhausted = false;
  /** How many slices have begun, behind the first, since the event loop was last seen to turn. */
  private unseen = 0;
  private stride = 1;
  private untilRead = 1;
  private sliceLeft = 0;
  private left = 0;
  private sliceBeganMs = 0;
  private mailboxBeganMs = 0;
  private readonly begun = () => this.slice();
  private readonly beacon = () => {
    this.turned = true;
    this.armed = false;
    if (this.wantsLook()) this.look();
  };
  private readonly resume = () => {
    this.turned = true;
    this.yielding = false;
    const ended = this.pauseOver;
    this.pausing = this.pauseOver = undefined;
    try {
      this.slice();
    } finally {
      ended?.();
    }
  };
  /** Whether the event loop has its turn before the next run. */
  private yielding = false;
  private ended = false;
  private pausing: Promise<void> | undefined;
  private pauseOver: (() => void) | undefined;
  /**
   * The time of day, and the monotonic time, also in whole milliseconds, at the last read of the clock: exact within a
   * slice.
   */
  nowMs = 0;
  readMs = 0;
  monotonicMs = 0;

  /**
   * `onRest` is called whenever nothing is left to run, and `onLook` whenever the clock was read; `wantsLook` returns
   * whether that is awaited.
   */
  constructor(
    clock: Clock,
    options: Required<SchedulerOptions>,
    onRest: () => void,
    onLook: () => void = () => {},
    wantsLook: () => boolean = () => false,
  ) {
    this.clock = clock;
    this.onRest = onRest;
    this.onLook = onLook;
    this.wantsLook = wantsLook;
    this.options = options;
  }

  /** Whether something is ready and waits. */
  get busy(): boolean {
    return this.first !== undefined;
  }

  /**
   * While the event loop has its turn, a promise that resolves when the next slice has run; otherwise `undefined`. A
   * loop that awaits each of its sends must await this, or its microtasks never let the event loop turn.
   */
  get pause(): Promise<void> | undefined {
    if (!this.yielding) return undefined;
    return this.pausing ??= new Promise((resolve) => this.pauseOver = resolve);
  }

  /** Adds something that has work at the end of the queue. It must not be in the queue. */
  add(runnable: Runnable): void {
    if (this.last === undefined) this.first = runnable;
    else this.last.nextReady = runnable;
    this.last = runnable;
    if (this.awake) return;
    this.awake = true;
    if (this.exhausted && !this.turned) this.yield();
    else queueMicrotask(this.begun);
  }

  /** Removes from the queue all that have a property, and returns them in their order. Not for use during a run. */
  takeOut(which: (runnable: Runnable) => boolean): Runnable[] {
    const taken: Runnable[] = [];
    let before: Runnable | undefined;
    for (let one = this.first; one !== undefined;) {
      const next: Runnable | undefined = one.nextReady;
      if (which(one)) {
        taken.push(one);
        one.nextReady = undefined;
        if (before === undefined) this.first = next;
        else before.nextReady = next;
      } else before = one;
      one = next;
    }
    this.last = before;
    return taken;
  }

  /**
   * Resolves after everything that is ready now. An answer that needs no message awaits this: otherwise a loop that
   * awaits such answers would starve the mailboxes and the event loop. When the system has stopped it resolves at once.
   */
  turn(): Promise<void> {
    if (this.ended) return Promise.resolve();
    return new Promise((resolve) => this.add(new Pass(resolve)));
  }

  /** The system has stopped: whoever still asks it takes no turn, for which the clock would call it later. */
  end(): void {
    this.ended = true;
  }

  /** Makes sure that the clock is read soon: at the latest when the event loop has turned. */
  lookSoon(): void {
    if (!this.awake) this.arm(); // otherwise the end of the slice does it
  }

  /** Whether the clock will still call it. */
  get pending(): boolean {
    return this.armed || this.yielding;
  }

  /** How many messages may be handled before they must be counted. */
  get allowance(): number {
    return Math.min(this.left, this.untilRead);
  }

  /** Counts handled messages, at most the allowance. Returns whether the mailbox may handle more. */
  spend(count: number): boolean {
    this.left -= count;
    this.untilRead -= count;
    if (this.untilRead === 0) this.read();
    return this.left > 0;
  }

  private slice(): void {
    if (this.turned) {
      this.begin();
      this.unseen = 0;
    } else if (!this.armed) { // most slices are the only one in their turn of the event loop, and those arm nothing
      if (this.unseen++ === 0) this.begin();
      else this.look();
      if (this.unseen === unseenMax || this.readMs - this.sliceBeganMs >= this.options.sliceMs) {
        this.begin();
        this.arm();
      }
    }
    try {
      for (let next = this.first; next !== undefined; next = this.first) {
        this.first = next.nextReady;
        if (this.first === undefined) this.last = undefined;
        next.nextReady = undefined;
        this.left = this.options.throughput;
        this.mailboxBeganMs = this.readMs;
        if (next.run(this)) this.add(next);
        if (this.exhausted) break;
      }
    } finally { // an error here is a fault of the runtime: it surfaces, and the others still run
      this.awake = this.first !== undefined;
      if (this.awake) this.yield();
      else {
        if (!this.armed && (this.exhausted || this.wantsLook())) this.arm();
        this.onRest();
      }
    }
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.clock.macrotask(this.beacon);
  }

  private yield(): void {
    this.yielding = true;
    this.clock.yield(this.resume);
  }

  private begin(): void {
    this.turned = false;
    this.exhausted = false;
    this.look();
    this.sliceBeganMs = this.readMs;
    this.untilRead = this.stride;
    this.sliceLeft = sliceMax;
  }

  private look(): void {
    this.readMs = this.clock.monotonicMs();
    this.monotonicMs = Math.trunc(this.readMs); // actors keep it, and a whole number takes no memory of its own
    this.nowMs = this.clock.now();
    this.onLook();
  }

  /** Reads the clock, and decides after how many messages it is read again. */
  private read(): void {
    const beforeMs = this.readMs;
    this.sliceLeft -= this.stride;
    this.look();
    const tookMs = this.readMs - beforeMs;
    if (tookMs > strideMs) this.stride = Math.max(1, Math.floor(this.stride * strideMs / tookMs));
    else if (tookMs < strideMs / 2) this.stride = Math.min(strideMax, this.stride << 1);
    this.untilRead = this.stride;
    if (this.readMs - this.mailboxBeganMs >= this.options.mailboxMs) this.left = 0;
    if (this.readMs - this.sliceBeganMs >= this.options.sliceMs || this.sliceLeft <= 0) {
      this.exhausted = true;
      this.left = 0; // otherwise the slice would last as long as the mailbox may
    }
  }
}
