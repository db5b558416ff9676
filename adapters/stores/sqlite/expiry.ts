import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { expiredAtOnce, type Statements } from "./database.ts";
import { isLocked } from "./lock.ts";

/** How often expired values are deleted where nothing is written; where there may be more, the next go soon. */
const eachMs = 60_000;
const soonMs = 100;
/** After so many writes of values that expire some of those go that have: to ask each time would cost a small commit more. */
const shareOf = 32;
/** How many go for each that was written: more than one, so that what piled up goes too. */
const goForEach = 2;

/**
 * Deletes what has expired. Those who write values that expire delete as many with their commits, and more: so there are
 * never more than are written in some time, however many write and however long the file is locked. A timer does the rest.
 */
export class SqliteExpiry {
  readonly #statements: Statements;
  readonly #clock: Clock;
  #written = 0;
  #cancel: Cancel;

  constructor(statements: Statements, clock: Clock) {
    this.#statements = statements;
    this.#clock = clock;
    this.#cancel = clock.setTimer(eachMs, () => this.#expire());
  }

  /** Deletes a share, within a transaction in which so many values were written that expire. */
  share(written: number): void {
    this.#written += written;
    if (this.#written < shareOf) return;
    this.#statements.expire.run(this.#clock.now(), this.#written * goForEach);
    this.#written = 0; // where it is undone, the timer makes up for it
  }

  /** Deletes nothing any more. */
  end(): void {
    this.#cancel();
  }

  #expire(): void {
    const { expired, expire } = this.#statements;
    let more = false;
    try {
      const nowMs = this.#clock.now();
      // Those who have nothing to delete do not take the lock.
      if (expired.get(nowMs) !== undefined) {
        more = Number(expire.run(nowMs, expiredAtOnce).changes) === expiredAtOnce;
      }
    } catch (error) {
      more = isLocked(error); // else the next time will do: nothing but room is lost until then
    }
    this.#cancel = this.#clock.setTimer(more ? soonMs : eachMs, () => this.#expire());
  }
}
