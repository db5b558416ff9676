import { messageOf } from "../base/errors.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { StoreError } from "../base/store_errors.ts";
import { isThrown } from "../base/thrown.ts";

/**
 * The most calls that were given up and are still under way: some clients repeat each without end. Beyond that, one call
 * per interval is tried, and the others are refused.
 */
const lostMax = 100;
const tryMs = 1_000;

interface Call {
  readonly dueMs: number;
  readonly late: () => void;
}

/** Gives each call a deadline, the same for all: a call that is not answered by then is given up. */
export class CallDeadlines {
  readonly callMs: number;
  /** Whether no timer may be left when all calls are answered. Otherwise that saves setting one for each. */
  readonly #leavesNone: boolean;
  readonly #clock: Clock;
  /** In the order of their deadlines: one timer does for all. */
  readonly #open = new Set<Call>();
  #cancel: Cancel | undefined;
  #closed = false;
  /** How many calls were given up and are still under way. */
  #lost = 0;
  #triedMs = -Infinity;

  constructor(clock: Clock, callMs: number, leavesNone = false) {
    this.#clock = clock;
    this.callMs = callMs;
    this.#leavesNone = leavesNone;
  }

  /** Rejects with the error of `late` if the answer does not come in time. */
  call<Result>(begin: () => Promise<Result>, late: () => Error): Promise<Result> {
    return new Promise((resolve, reject) => {
      const nowMs = this.#clock.monotonicMs();
      this.#requireUsable(nowMs);
      const answer = begin();
      const giveUp = () => {
        this.#lost++;
        reject(late());
      };
      const call: Call = { dueMs: nowMs + this.callMs, late: giveUp };
      this.#open.add(call);
      if (this.#cancel === undefined) this.#wait(this.callMs);
      answer.then((result) => {
        if (this.#isInTime(call)) resolve(result);
      }, (error) => {
        if (this.#isInTime(call)) reject(inspectable(error));
      });
    });
  }

  /** Gives up all calls under way, and refuses later ones. */
  close(): void {
    this.#closed = true;
    for (const call of this.#open) {
      this.#open.delete(call);
      call.late();
    }
    this.#cancelTimer();
  }

  #cancelTimer(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #isInTime(call: Call): boolean {
    if (this.#open.delete(call)) {
      if (this.#leavesNone && this.#open.size === 0) this.#cancelTimer();
      return true;
    }
    this.#lost--;
    return false;
  }

  #requireUsable(nowMs: number): void {
    if (this.#closed) throw new StoreError("store-closed", "Cannot use the store: its connection is closed");
    if (this.#lost < lostMax) return;
    if (nowMs - this.#triedMs < tryMs) {
      const why = `it has not answered ${this.#lost} calls, and ${lostMax} are the most`;
      throw new StoreError("store-unavailable", `Cannot use the store: ${why}`);
    }
    this.#triedMs = nowMs;
  }

  #wait(forMs: number): void {
    this.#cancel = this.#clock.setTimer(forMs, () => {
      this.#cancel = undefined;
      const nowMs = this.#clock.monotonicMs();
      for (const call of this.#open) {
        if (call.dueMs > nowMs) return this.#wait(call.dueMs - nowMs);
        this.#open.delete(call);
        call.late();
      }
    });
  }
}

/** The error that a store threw, as one that can be inspected. */
function inspectable(error: unknown): unknown {
  return isThrown(error, Error) ? error : new Error(messageOf(error), { cause: error });
}
