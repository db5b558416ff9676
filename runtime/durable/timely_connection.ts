import type { Cancel, Clock } from "../base/clock.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  StoreConnection,
  StorePresence,
  StoreTraits,
} from "../ports/store.ts";
import { messageOf } from "../base/errors.ts";
import { OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import { isThrown } from "../base/thrown.ts";
import { within } from "../base/within.ts";
import { type Probes, probesOf } from "./commits/probes.ts";

/**
 * How long a call may take. Where outcomes can be unknown the store is somewhere else, and what it did not answer is
 * asked again; where they cannot it is here, and waits for its own locks first.
 */
const remoteMs = 5_000;
const localMs = 15_000;
/** How long what is under way may take to end when it is closed. */
const closeMs = 2_000;

/**
 * How many calls that were given up may still be under way: some clients repeat each without end. Where there are so many,
 * one more is tried in so long, and the others are refused.
 */
const lostMax = 100;
const tryMs = 1_000;

interface Call {
  readonly dueMs: number;
  readonly late: () => void;
}

/**
 * A connection whose every call ends in bounded time, whatever its store does: some clients try again without end while
 * nobody answers. What was read too late rejects with `store-unavailable`; the outcome of a commit is unknown then, and
 * it may land later.
 */
export class TimelyConnection implements StoreConnection {
  /** Only in simulations. */
  readonly probes: Probes | undefined;
  readonly presence: StorePresence | undefined;
  readonly #connection: StoreConnection;
  readonly #clock: Clock;
  readonly #callMs: number;
  /** In the order of their beginning, which is that of their ends: one timer does for all. */
  readonly #open = new Set<Call>();
  #cancel: Cancel | undefined;
  #closed = false;
  /** How many calls were given up and are still under way. */
  #lost = 0;
  #triedMs = -Infinity;

  constructor(connection: StoreConnection, { unknownOutcomes }: StoreTraits, clock: Clock) {
    this.probes = probesOf(connection);
    this.presence = connection.presence;
    this.#connection = connection;
    this.#clock = clock;
    this.#callMs = unknownOutcomes ? remoteMs : localMs;
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#call(() => this.#connection.read(keys), () => this.#unread("read"));
  }

  list(range: KeyRange): Promise<Entry[]> {
    return this.#call(() => this.#connection.list(range), () => this.#unread("list"));
  }

  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    return this.#call(() => this.#connection.commit(parts), () => {
      const why = `the store did not answer within ${this.#callMs} ms`;
      return new OutcomeUnknownError(`Cannot tell whether a commit landed: ${why}`);
    });
  }

  watch(onChange: () => void): Disposable {
    return this.#connection.watch(onChange);
  }

  /** Closes it: what is under way ends first, unless it takes too long. */
  async close(): Promise<void> {
    const closing = this.#connection.close();
    if (await within(this.#clock, closeMs, closing)) await closing;
    this.#closed = true;
    for (const call of this.#open) {
      this.#open.delete(call);
      call.late();
    }
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #unread(what: string): StoreError {
    const why = `the store did not answer within ${this.#callMs} ms`;
    return new StoreError("store-unavailable", `Cannot ${what}: ${why}`);
  }

  #call<Result>(begin: () => Promise<Result>, lateError: () => Error): Promise<Result> {
    return new Promise((resolve, reject) => {
      const nowMs = this.#clock.monotonicMs();
      this.#requireUsable(nowMs);
      const answer = begin();
      const late = () => {
        this.#lost++;
        reject(lateError());
      };
      const call: Call = { dueMs: nowMs + this.#callMs, late };
      this.#open.add(call);
      if (this.#cancel === undefined) this.#wait(this.#callMs);
      answer.then((result) => {
        if (this.#isInTime(call)) resolve(result);
      }, (error) => {
        if (this.#isInTime(call)) reject(told(error));
      });
    });
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

/** What a store throws, as an error that lets itself be looked at: others ask it what it is. */
function told(error: unknown): unknown {
  return isThrown(error, Error) ? error : new Error(messageOf(error), { cause: error });
}
