import type { Clock } from "./clock.ts";

/** Something that has work. */
export interface Runnable {
  /** The one that runs after it; the scheduler's. */
  nextReady: Runnable | undefined;
  /** Works until `scheduler.tick()` says no, or it has nothing more. Returns whether it has more. */
  run(scheduler: Scheduler): boolean;
}

/** Options of a {@linkcode Scheduler}. */
export interface SchedulerOptions {
  /**
   * The most messages of one mailbox before the next has its turn, at least 1.
   *
   * @default {256}
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
   * @default {2}
   */
  readonly sliceMs?: number;
}

/** The most messages between two reads of the clock. */
const strideMax = 256;
/** The most messages of one slice: on a deployed worker the clock stands still until the event loop turns. */
const sliceMax = 32_768;
/** The clock is read about once in this time: more often at once when more has passed, less often below half of it. */
const strideMs = 0.25;

/**
 * Runs what is ready, in the order in which it became ready: so much of each, then the next; and after a slice of
 * time yields to the event loop.
 *
 * It begins in a microtask, so that a lone message is handled at once. The slice goes on over microtasks until the
 * event loop has really turned: a loop of awaited asks would otherwise starve timers and sockets for ever.
 */
export class Scheduler {
  readonly #clock: Clock;
  readonly #onRest: () => void;
  readonly #throughput: number;
  readonly #mailboxMs: number;
  readonly #sliceMs: number;
  #first: Runnable | undefined;
  #last: Runnable | undefined;
  /** Whether a run is on its way. */
  #awake = false;
  /** Whether the event loop has turned since the slice began. */
  #turned = true;
  #exhausted = false;
  #stride = 1;
  #untilRead = 1;
  #sliceLeft = 0;
  #left = 0;
  #readMs = 0;
  #sliceBeganMs = 0;
  #mailboxBeganMs = 0;
  readonly #run = () => this.#slice();
  readonly #beacon = () => {
    this.#turned = true;
  };
  readonly #resume = () => {
    this.#turned = true;
    this.#yielding = false;
    const ended = this.#pauseOver;
    this.#pause = this.#pauseOver = undefined;
    try {
      this.#slice();
    } finally {
      ended?.();
    }
  };
  /** Whether the event loop has its turn before the next run. */
  #yielding = false;
  #pause: Promise<void> | undefined;
  #pauseOver: (() => void) | undefined;
  /** The time of day and the monotonic time at the last look at the clock: right within a slice, free to read. */
  nowMs = 0;
  monotonicMs = 0;

  /** `onRest` is called whenever nothing is left to run. */
  constructor(clock: Clock, options: Required<SchedulerOptions>, onRest: () => void) {
    this.#clock = clock;
    this.#onRest = onRest;
    this.#throughput = options.throughput;
    this.#mailboxMs = options.mailboxMs;
    this.#sliceMs = options.sliceMs;
  }

  /** Whether something waits for its turn. */
  get busy(): boolean {
    return this.#first !== undefined;
  }

  /**
   * Resolves when the next slice has run, while the event loop has its turn; nothing otherwise. Who sends in a loop and
   * awaits each send must wait for that, or the loop of microtasks never lets the event loop turn.
   */
  get pause(): Promise<void> | undefined {
    if (!this.#yielding) return undefined;
    return this.#pause ??= new Promise((resolve) => this.#pauseOver = resolve);
  }

  /** Puts something that has work at the end. Whoever calls it knows that it is not there yet. */
  add(runnable: Runnable): void {
    if (this.#last === undefined) this.#first = runnable;
    else this.#last.nextReady = runnable;
    this.#last = runnable;
    if (this.#awake) return;
    this.#awake = true;
    if (this.#exhausted && !this.#turned) this.#yield();
    else queueMicrotask(this.#run);
  }

  /** Counts one message. Returns whether the mailbox may go on. */
  tick(): boolean {
    if (--this.#untilRead === 0) this.#read();
    return --this.#left > 0 && this.#readMs - this.#mailboxBeganMs < this.#mailboxMs;
  }

  #slice(): void {
    if (this.#turned) this.#begin();
    try {
      for (let next = this.#first; next !== undefined; next = this.#first) {
        this.#first = next.nextReady;
        if (this.#first === undefined) this.#last = undefined;
        next.nextReady = undefined;
        this.#left = this.#throughput;
        this.#mailboxBeganMs = this.#readMs;
        if (next.run(this)) this.add(next);
        if (this.#exhausted) break;
      }
    } finally { // what throws here is a fault of the runtime: it surfaces, and the others go on
      this.#awake = this.#first !== undefined;
      if (this.#awake) this.#yield();
      else this.#onRest();
    }
  }

  #yield(): void {
    this.#yielding = true;
    this.#clock.yield(this.#resume);
  }

  #begin(): void {
    this.#turned = false;
    this.#exhausted = false;
    this.#look();
    this.#sliceBeganMs = this.#readMs;
    this.#untilRead = this.#stride;
    this.#sliceLeft = sliceMax;
    this.#clock.macrotask(this.#beacon);
  }

  #look(): void {
    this.#readMs = this.monotonicMs = this.#clock.monotonicMs();
    this.nowMs = this.#clock.now();
  }

  /** Reads the clock, and finds how many messages may pass until it is read again. */
  #read(): void {
    const beforeMs = this.#readMs;
    this.#sliceLeft -= this.#stride;
    this.#look();
    const tookMs = this.#readMs - beforeMs;
    if (tookMs > strideMs) this.#stride = Math.max(1, Math.floor(this.#stride * strideMs / tookMs));
    else if (tookMs < strideMs / 2) this.#stride = Math.min(strideMax, this.#stride << 1);
    this.#untilRead = this.#stride;
    if (this.#readMs - this.#sliceBeganMs >= this.#sliceMs || this.#sliceLeft <= 0) this.#exhausted = true;
  }
}
