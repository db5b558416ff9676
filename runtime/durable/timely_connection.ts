import type { Clock } from "../base/clock.ts";
import type {
  AtomicPart,
  Entry,
  KeyRange,
  StoreConnection,
  StorePresence,
  StoreTraits,
} from "../ports/store.ts";
import { isOfStore, OutcomeUnknownError, StoreError } from "../base/store_errors.ts";
import { within } from "../base/within.ts";
import { CallDeadlines } from "./call_deadlines.ts";
import { type Probes, probesOf } from "./commits/probes.ts";

/**
 * How long a call may take. A store with unknown outcomes is on another machine, and calls without an answer are repeated;
 * any other store is on this one, and waits for its own locks first.
 */
const remoteMs = 5_000;
const localMs = 15_000;
/** How long calls under way may take to end when it is closed. */
const closeMs = 2_000;

/**
 * A connection whose every call ends in bounded time, whatever its store does: some clients retry without end while no
 * server answers. A late read rejects with `store-unavailable`; the outcome of a late commit is unknown, and it may land
 * later.
 */
export class TimelyConnection implements StoreConnection {
  /** Only in simulations. */
  readonly probes: Probes | undefined;
  readonly presence: StorePresence | undefined;
  readonly wakeAt: StoreConnection["wakeAt"];
  /** Called before each commit, and when the outcome of one is not known. */
  onCommit: (parts: readonly AtomicPart[]) => void = () => {};
  onUnknown: () => void = () => {};
  readonly #connection: StoreConnection;
  readonly #clock: Clock;
  readonly #calls: CallDeadlines;
  /** Counted apart, so that a presence that hangs does not block the store. */
  readonly #presenceCalls: CallDeadlines;

  constructor(connection: StoreConnection, { unknownOutcomes }: StoreTraits, clock: Clock) {
    const callMs = unknownOutcomes ? remoteMs : localMs;
    this.#connection = connection;
    this.#clock = clock;
    this.wakeAt = connection.wakeAt && ((atMs) => connection.wakeAt!(atMs));
    this.#calls = new CallDeadlines(clock, callMs, this.wakeAt !== undefined);
    this.#presenceCalls = new CallDeadlines(clock, callMs);
    this.probes = probesOf(connection);
    this.presence = connection.presence && timelyPresence(connection.presence, this.#presenceCalls);
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    return this.#calls.call(() => this.#connection.read(keys), () => unread("read", this.#calls));
  }

  list(range: KeyRange): Promise<Entry[]> {
    return this.#calls.call(() => this.#connection.list(range), () => unread("list", this.#calls));
  }

  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    this.onCommit(parts);
    return this.#calls.call(() => this.#connection.commit(parts), () => {
      this.onUnknown();
      const why = `the store did not answer within ${this.#calls.callMs} ms`;
      return new OutcomeUnknownError(`Cannot tell whether a commit landed: ${why}`);
    });
  }

  watch(onChange: (posted?: boolean) => void): Disposable {
    return this.#connection.watch(onChange);
  }

  /** Closes it after the calls under way have ended, unless they take too long. */
  async close(): Promise<void> {
    const closing = this.#connection.close();
    if (await within(this.#clock, closeMs, closing)) await closing;
    this.#calls.close();
    this.#presenceCalls.close();
  }
}

/** A presence whose every call ends in bounded time. It is a hint: a late answer counts as unknown. */
function timelyPresence(presence: StorePresence, calls: CallDeadlines): StorePresence {
  const known = <Result>(begin: () => Promise<Result>, otherwise: Result): Promise<Result> =>
    calls.call(begin, () => unread("ask who lives", calls)).catch((error) => {
      if (isOfStore(error)) return otherwise;
      throw error;
    });
  return {
    hold: (instance) => known(() => presence.hold(instance), false),
    gone: (instances) => known(() => presence.gone(instances), new Set()),
    release: (instance) => known(() => presence.release(instance), undefined),
    retain: (instances) => known(() => presence.retain(instances), undefined),
  };
}

function unread(what: string, { callMs }: CallDeadlines): StoreError {
  return new StoreError(
    "store-unavailable",
    `Cannot ${what}: the store did not answer within ${callMs} ms`,
  );
}
