import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import type { Random } from "../../../runtime/base/random.ts";

/**
 * The interval at which expired values are deleted if nothing is written, and the shorter one if there may be more,
 * both in milliseconds.
 */
const eachMs = 60_000;
const soonMs = 100;
/** The maximum number of values that one statement deletes: it holds their locks until it ends. */
const stepMax = 500;
/** The number of written values with an expiry time after which as many and more expired values are deleted. */
const shareOf = 200;

/**
 * Deletes expired values in small steps, each a transaction of its own. Who writes values with an expiry time deletes
 * more than it writes, so expired ones do not accumulate; a timer deletes the rest. Processes that delete at the same
 * time skip what another one has in hand.
 */
export class PostgresExpiry {
  readonly #clock: Clock;
  /** Deletes up to `count` values that have expired by then. Resolves with how many there were. */
  readonly #expire: (untilMs: number, count: number) => Promise<number>;
  #written: number;
  #step: Promise<void> | undefined;
  #cancel: Cancel = () => {};
  #ended = false;

  constructor(clock: Clock, random: Random, expire: (untilMs: number, count: number) => Promise<number>) {
    this.#clock = clock;
    // Chance says where its first share begins: a process may never run for a whole one, or until the timer.
    this.#written = Math.floor(random.next() * shareOf);
    this.#expire = expire;
    this.#wait(eachMs);
  }

  /** Tells how many values with an expiry time were written. */
  share(written: number): void {
    this.#written += written;
    if (this.#written < shareOf || this.#step !== undefined || this.#ended) return;
    this.#written = 0;
    this.#begin();
  }

  /** Stops, and resolves when nothing is under way. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancel();
    await this.#step;
  }

  #wait(delayMs: number): void {
    this.#cancel();
    if (!this.#ended) this.#cancel = this.#clock.setTimer(delayMs, () => this.#begin());
  }

  #begin(): void {
    this.#step ??= this.#take();
  }

  async #take(): Promise<void> {
    let gone = 0;
    try {
      gone = await this.#expire(this.#clock.now(), stepMax);
    } catch {
      // the next interval suffices: until then, expired values only take space
    }
    this.#step = undefined;
    this.#wait(gone === stepMax ? soonMs : eachMs);
  }
}
