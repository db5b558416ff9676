import type { Clock } from "../../base/clock.ts";

/** A smaller difference does not count: two clocks are never the same, and a message takes its time. */
const leastMs = 60_000;
/** A clock that is further behind is considered wrong, and delays nothing any longer. */
const mostMs = 86_400_000;
/** How old the last look at the others may be, and how far an instance that nobody has seen since may be behind. */
const freshMs = 15_000;
const unseenMs = 3_600_000;
/**
 * How long the delay of a clock is known after its instance has gone: the instance promised by that clock to keep what
 * it wrote.
 */
const rememberMs = 86_400_000;

/** The clock of another instance. */
interface Heard {
  /** Its distance from the monotonic clock, which no step of this machine's clock changes. */
  readonly distanceMs: number;
  /** Whether its instance is known to live, rather than only to have left a row. */
  readonly lives: boolean;
}

/**
 * The clocks of the other instances, as they write them with each heartbeat. Data that is kept until a time expires
 * when all of these clocks have passed it: an instance whose clock is ahead deletes nothing that others promised to
 * keep.
 */
export class OtherClocks {
  readonly #clock: Clock;
  /** Whether there are no others: one process at a time uses the store. */
  readonly #alone: boolean;
  readonly #heard = new Map<string, Heard>();
  #looked: { readonly monotonicMs: number; readonly atMs: number } | undefined;
  /** The clocks of instances that have gone, the slowest first: a later and slower one replaces those before it. */
  readonly #gone: { readonly distanceMs: number; readonly untilMs: number }[] = [];
  /** The slowest of all clocks: by it a store deletes what has expired. */
  readonly slowest: Clock;

  constructor(clock: Clock, alone = false) {
    this.#clock = clock;
    this.#alone = alone;
    this.slowest = {
      now: () => clock.now() - this.aheadMs,
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      macrotask: (callback) => clock.macrotask(callback),
      yield: (callback) => clock.yield(callback),
    };
  }

  /** An instance wrote its time: just now, if it is known to live. */
  heard(instance: string, atMs: number, lives: boolean): void {
    this.#heard.set(instance, { distanceMs: atMs - this.#clock.monotonicMs(), lives });
  }

  /** The rows of all other instances have been read. */
  looked(): void {
    this.#looked = { monotonicMs: this.#clock.monotonicMs(), atMs: this.#clock.now() };
  }

  /** Whether an instance is known to live. */
  hears(instance: string): boolean {
    return this.#heard.get(instance)?.lives === true;
  }

  /** An instance has gone. */
  gone(instance: string): void {
    const heard = this.#heard.get(instance);
    if (heard === undefined) return;
    this.#heard.delete(instance);
    const aheadMs = this.#aheadOf(heard.distanceMs);
    if (!heard.lives || aheadMs < leastMs) return;
    // Rounded to whole steps, up to the most that counts: so few entries stay, however many instances come and go.
    const slowest = heard.distanceMs + Math.max(aheadMs - mostMs, 0);
    const distanceMs = Math.floor(slowest / leastMs) * leastMs;
    while (this.#gone.length > 0 && this.#gone.at(-1)!.distanceMs >= distanceMs) this.#gone.pop();
    this.#gone.push({ distanceMs, untilMs: this.#clock.monotonicMs() + rememberMs });
  }

  /** How far this clock is ahead of the slowest of the others. */
  get aheadMs(): number {
    if (this.#alone) return 0;
    if (this.#looked === undefined) return mostMs;
    const nowMs = this.#clock.monotonicMs();
    while (this.#gone.length > 0 && this.#gone[0].untilMs <= nowMs) this.#gone.shift();
    let slowest = this.#gone.length > 0 ? this.#gone[0].distanceMs : Infinity;
    for (const { distanceMs } of this.#heard.values()) slowest = Math.min(slowest, distanceMs);
    const aheadMs = this.#aheadOf(slowest);
    const knownMs = aheadMs < leastMs ? 0 : Math.min(aheadMs, mostMs);
    // While a machine sleeps, on some platforms only its time of day goes on.
    const sinceMs = Math.max(nowMs - this.#looked.monotonicMs, this.#clock.now() - this.#looked.atMs);
    return sinceMs > freshMs ? Math.max(knownMs, unseenMs) : knownMs;
  }

  #aheadOf(distanceMs: number): number {
    return this.#clock.now() - this.#clock.monotonicMs() - distanceMs;
  }
}
