import type { Clock } from "../../base/clock.ts";

/** What is less is no difference: the clocks of machines are never the same, and what is told takes its time. */
const leastMs = 60_000;
/** A clock that is further behind is wrong, and holds up nothing for longer. */
const mostMs = 86_400_000;
/** How old the last look at the others may be, and how far another may be behind that nobody has seen since. */
const freshMs = 15_000;
const unseenMs = 3_600_000;
/** How long it is known how slow a clock was whose instance is no more: what that wrote, it promised to keep by its own. */
const rememberMs = 86_400_000;

/** The clock of another instance. */
interface Heard {
  /** How far it is from the time that delays are measured with, which no step of this process's clock changes. */
  readonly distanceMs: number;
  /** Whether its instance is known to live, and not only to have left a row. */
  readonly lives: boolean;
}

/**
 * What the clocks of the other instances say, as they tell it with each heartbeat. What is kept until a time is over
 * when it is over by all of them: an instance whose clock is ahead lets nothing go that the others promised to keep.
 */
export class OtherClocks {
  readonly #clock: Clock;
  readonly #heard = new Map<string, Heard>();
  #looked: { readonly monotonicMs: number; readonly atMs: number } | undefined;
  /** Those whose instances are no more, the slowest first: a later one that is slower takes the place of those before. */
  readonly #gone: { readonly distanceMs: number; readonly untilMs: number }[] = [];
  /** The slowest of all clocks, for what a store deletes. */
  readonly slowest: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.slowest = {
      now: () => clock.now() - this.aheadMs,
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      macrotask: (callback) => clock.macrotask(callback),
      yield: (callback) => clock.yield(callback),
    };
  }

  /** An instance told its time: just now, if it is known to live. */
  heard(instance: string, atMs: number, lives: boolean): void {
    this.#heard.set(instance, { distanceMs: atMs - this.#clock.monotonicMs(), lives });
  }

  /** The rows of all others have been read. */
  looked(): void {
    this.#looked = { monotonicMs: this.#clock.monotonicMs(), atMs: this.#clock.now() };
  }

  /** Whether an instance is known to live. */
  hears(instance: string): boolean {
    return this.#heard.get(instance)?.lives === true;
  }

  /** An instance lives no longer. */
  gone(instance: string): void {
    const heard = this.#heard.get(instance);
    if (heard === undefined) return;
    this.#heard.delete(instance);
    const aheadMs = this.#aheadOf(heard.distanceMs);
    if (!heard.lives || aheadMs < leastMs) return;
    // In whole steps, and not by more than counts: so there are few, however many instances come and go.
    const slowest = heard.distanceMs + Math.max(aheadMs - mostMs, 0);
    const distanceMs = Math.floor(slowest / leastMs) * leastMs;
    while (this.#gone.length > 0 && this.#gone.at(-1)!.distanceMs >= distanceMs) this.#gone.pop();
    this.#gone.push({ distanceMs, untilMs: this.#clock.monotonicMs() + rememberMs });
  }

  /** By how much this clock is ahead of the slowest of the others. */
  get aheadMs(): number {
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
