import { messageOf } from "../base/errors.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { StoreError } from "../base/store_errors.ts";
import { isThrown } from "../base/thrown.ts";

/**
 * How many calls that were given up may still be under way: some clients repeat each without end. If there are so many,
 * one more is tried in so long, and the others are refused.
 */
const lostMax = 100;
const tryMs = 1_000;

interface Call {
  readonly dueMs: number;
  readonly late: () => void;
}

/** Calls of one kind, all of which may take equally long: each ends by then, answered or not. */
export class CallDeadlines {
  readonly callMs: number;
  readonly #clock: Clock;
  /** In the order of their beginning, which is that of their ends: one timer does for all. */
  readonly #open = new Set<Call>();
  #cancel: Cancel | undefined;
  #closed = false;
  /** How many calls were given up and are still under way. */
  #lost = 0;
  #triedMs = -Infinity;

  constructor(clock: Clock, callMs: number) {
    this.#clock = clock;
    this.callMs = callMs;
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

  /** Gives up all that is under way, and refuses what comes. */
  close(): void {
    this.#closed = true;
    for (const call of this.#open) {
      this.#open.delete(call);
      call.late();
    }
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #isInTime(call: Call): boolean {
    if (this.#open.delete(call)) return true;
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

/** What a store throws, as an error whose kind others can ask for. */
function inspectable(error: unknown): unknown {
  return isThrown(error, Error) ? error : new Error(messageOf(error), { cause: error });
}
