import type { Cancel, Clock } from "../../../runtime/base/clock.ts";
import { expiredAtOnce, type Statements } from "./database.ts";
import { isLocked } from "./lock.ts";

/**
 * The interval at which expired values are deleted if nothing is written, and the shorter one if there may be
 * more, both in milliseconds.
 */
const eachMs = 60_000;
const soonMs = 100;
/**
 * The number of written values with an expiry time after which expired values are deleted. A deletion with
 * each commit would make small commits noticeably slower.
 */
const shareOf = 32;
/** The number of expired values to delete for each one written: more than one, so that a backlog shrinks. */
const goForEach = 2;

/**
 * Deletes expired values. Each commit that writes values with an expiry time deletes more expired ones than
 * it writes, so their number is bounded by what is written within some time, regardless of the number of
 * writers and of how long the file is locked. A timer deletes the rest.
 */
export class SqliteExpiry {
  readonly #statements: Statements;
  readonly #clock: Clock;
  /** The first one counts as the last of a share: a process may never run for a whole one, or until the timer. */
  #written = shareOf - 1;
  #cancel: Cancel = () => {};

  constructor(statements: Statements, clock: Clock) {
    this.#statements = statements;
    this.#clock = clock;
  }

  /** Sets the timer. Without it, what expires is deleted by later commits. */
  begin(): void {
    this.#cancel = this.#clock.setTimer(eachMs, () => this.#expire());
  }

  /** Deletes expired values within a transaction that wrote `written` values with an expiry time. */
  share(written: number): void {
    this.#written += written;
    if (this.#written < shareOf) return;
    this.#statements.expire.run(this.#clock.now(), this.#written * goForEach);
    this.#written = 0; // if the transaction is rolled back, the timer deletes them
  }

  /** Stops the timer. */
  end(): void {
    this.#cancel();
  }

  #expire(): void {
    const { expired, expire } = this.#statements;
    let more = false;
    try {
      const nowMs = this.#clock.now();
      // A connection that has nothing to delete does not take the lock.
      if (expired.get(nowMs) !== undefined) {
        more = Number(expire.run(nowMs, expiredAtOnce).changes) === expiredAtOnce;
      }
    } catch (error) {
      // on any other failure, the next interval suffices: until then, expired values only take space
      more = isLocked(error);
    }
    this.#cancel = this.#clock.setTimer(more ? soonMs : eachMs, () => this.#expire());
  }
}
