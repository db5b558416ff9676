import type { Cancel, Clock } from "../../runtime/base/clock.ts";
import { requireInteger } from "../../runtime/base/require.ts";
import { requireOneWord } from "../../runtime/ports/one_word.ts";
import type { AtomicPart, Entry, KeyRange, StoreConnection, StoreLimits } from "../../runtime/ports/store.ts";
import { OutcomeUnknownError, StoreError, TooLargeError } from "../../runtime/base/store_errors.ts";
import { requireFits, sizeOfCommit, sum } from "../../runtime/ports/commit_size.ts";
import type { FaultInjector } from "./faults.ts";
import { type SimulatedServer, SimulatedSession } from "./sessions.ts";
import type { SimulatedValues } from "./values.ts";

/** The parts of a store that a connection uses. */
export interface SimulatedBackend {
  readonly clock: Clock;
  /** The clock of its system. */
  readonly ownClock: Clock;
  readonly fate: FaultInjector;
  readonly values: SimulatedValues;
  /** The limits that it actually enforces. */
  readonly limits: StoreLimits;
  /** The server that has its session; absent without a presence. */
  readonly server: SimulatedServer | undefined;
  /** Called with the true time at which its process is to be started; absent if the platform cannot do that. */
  readonly onWakeAt: ((atMs: number | undefined) => void) | undefined;
  /** Whether the store has room for a commit that arrives now. */
  readonly hasRoom: () => boolean;
  /** Applies the parts that are not stale now. */
  readonly apply: (
    parts: readonly AtomicPart[],
    outcome: "known" | "unknown" | "late",
  ) => (string | undefined)[];
  /** Called when it is closed or has crashed. */
  readonly ended: () => void;
}

/** How long a value that is already expired when it arrives remains readable, in milliseconds. */
const overMs = 60_000;

interface Watcher {
  readonly onChange: () => void;
  /** Whether a coalesced call is pending. It stands for all notifications until then. */
  pending: boolean;
}

/**
 * A connection to a simulated store. A call travels to the store, takes effect at one point in time, and its
 * response travels back. Between call and response, the caller does not know whether it took effect.
 */
export class SimulatedConnection implements StoreConnection {
  readonly presence: SimulatedSession | undefined;
  readonly wakeAt: StoreConnection["wakeAt"];
  readonly #backend: SimulatedBackend;
  readonly #watchers = new Set<Watcher>();
  /** Functions that cancel commits that are not applied yet. */
  readonly #commits = new Set<Cancel>();
  readonly #calls = new Set<Promise<unknown>>();
  /** The actions deferred until the instance resumes; absent while it is not paused. */
  #waiting: (() => void)[] | undefined;
  #crashed = false;
  #closed: Promise<void> | undefined;

  constructor(backend: SimulatedBackend) {
    this.#backend = backend;
    this.wakeAt = backend.onWakeAt && ((atMs) => this.#wakeAt(atMs));
    const { server, clock, fate } = backend;
    this.presence = server && new SimulatedSession({
      server,
      clock,
      fate,
      run: (action) => this.#deliver(action),
      begun: () => this.#watchers.forEach(({ onChange }) => onChange()),
    });
  }

  read(keys: readonly string[]): Promise<(Entry | undefined)[]> {
    const { fate, values } = this.#backend;
    return this.#call("read", () => {
      const apart = fate.strikes("readApart");
      const early = keys.map((key) => apart && fate.share() < 0.5 ? { stored: values.get(key) } : undefined);
      const read = () => keys.map((key, index) => early[index] ? early[index].stored : values.get(key));
      return this.#ask(read, 1);
    });
  }

  list(range: KeyRange): Promise<Entry[]> {
    const { fate, values } = this.#backend;
    return this.#call("list", () => {
      requireInteger("range.limit", range.limit, 1);
      if (range.limit > 1_000) {
        throw new RangeError(
          `Cannot use range.limit: it must be at most 1000: current value is ${range.limit}`,
        );
      }
      return this.#ask(() => values.list(range), fate.strikes("listBatch") ? fate.share() : 1);
    });
  }

  commit(parts: readonly AtomicPart[]): Promise<(string | undefined)[]> {
    return this.#call("commit to", () => {
      requireCommittable(parts, this.#backend.limits);
      const { clock, fate } = this.#backend;
      const totalMs = fate.latencyMs();
      const thereMs = totalMs * fate.share();
      // copied, because it may be applied after the caller has reused its buffers
      const work = this.#fateOf(parts.map((part) => this.#copyOf(part)));
      return new Promise((resolve, reject) => {
        this.#later(thereMs, () => {
          const answer = answerOf(work, resolve, reject);
          clock.setTimer(totalMs - thereMs, () => this.#deliver(answer));
        });
      });
    });
  }

  watch(onChange: () => void): Disposable {
    const watcher: Watcher = { onChange, pending: false };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  close(): Promise<void> {
    return this.#closed ??= this.#end();
  }

  /** Notifies the watchers that another connection has rung, unless a fault suppresses it. */
  ring(): void {
    const { clock, fate } = this.#backend;
    if (this.presence?.listens === false) return;
    for (const watcher of this.#watchers) {
      if (watcher.pending || fate.strikes("watchLost")) continue;
      watcher.pending = fate.strikes("watchCoalesced");
      const delayMs = fate.latencyMs() + (watcher.pending ? fate.below("coalescedMsMax") : 0);
      const coalesced = watcher.pending;
      clock.setTimer(delayMs, () => {
        if (coalesced) watcher.pending = false;
        this.#deliver(() => {
          if (this.#watchers.has(watcher)) watcher.onChange();
        });
      });
    }
  }

  /**
   * Crashes the connection: no call is answered, no watcher is called, and pending commits are cancelled,
   * except those that the fault `crashLands` selects.
   */
  crash(): void {
    if (this.#crashed) return;
    this.#crashed = true;
    this.#waiting = undefined;
    this.#watchers.clear();
    for (const cancel of this.#commits) if (!this.#backend.fate.strikes("crashLands")) cancel();
    this.#commits.clear();
    this.presence?.end(true);
    this.#backend.ended();
  }

  pause(): void {
    this.#waiting ??= [];
  }

  resume(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const action of waiting) this.#deliver(action);
  }

  /** The platform keeps the time of the process. */
  #wakeAt(atMs: number | undefined): void {
    if (this.#crashed || this.#closed !== undefined) return;
    const { clock, ownClock, onWakeAt } = this.#backend;
    onWakeAt!(atMs === undefined ? undefined : clock.now() + atMs - ownClock.now());
  }

  /** Decides what a commit does when it arrives. */
  #fateOf(parts: readonly AtomicPart[]): () => (string | undefined)[] {
    const { fate, apply, hasRoom, server } = this.#backend;
    if (parts.length === 0) return () => [];
    if (fate.strikes("locked")) return () => fail("store-unavailable", "commit to", "it is locked");
    if (fate.strikes("unknownLost")) return () => failUnknown();
    if (fate.strikes("unknownLandsLate")) {
      return () => {
        this.#later(fate.below("lateMsMax"), () => {
          if (hasRoom()) apply(parts, "late");
        });
        return failUnknown();
      };
    }
    const unknown = fate.strikes("unknownLanded");
    const repeats = !unknown && fate.strikes("landedStale");
    return () => {
      if (server !== undefined && server.downMs > 0) return failDown("commit to");
      if (!hasRoom()) return fail("store-full", "commit to", "it is full");
      if (repeats) apply(parts, "unknown");
      const versions = apply(parts, unknown ? "unknown" : "known");
      return unknown ? failUnknown() : versions;
    };
  }

  /** Reads after this share of the latency, and responds after all of it, possibly with a fault. */
  #ask<T>(read: () => T, share: number): Promise<T> {
    const { clock, fate, server } = this.#backend;
    const totalMs = fate.latencyMs();
    const fails = fate.strikes("unreadable");
    return new Promise((resolve, reject) => {
      const work = fails ? () => fail("store-unavailable", "read", "it does not answer") : read;
      clock.setTimer(totalMs * share, () => {
        const isDown = server !== undefined && server.downMs > 0;
        const answer = answerOf(isDown ? () => failDown("read") : work, resolve, reject);
        if (share === 1) this.#deliver(answer);
        else clock.setTimer(totalMs * (1 - share), () => this.#deliver(answer));
      });
    });
  }

  /**
   * Copies a part as it is sent. The time to live of a value is counted from now in true time, because the
   * clock of the system may differ. A value that is already expired by that clock, which may have been set
   * forward meanwhile, remains readable for a while.
   */
  #copyOf(part: AtomicPart): AtomicPart {
    const { clock, ownClock } = this.#backend;
    const endOf = (expiresAtMs: number) => {
      const leftMs = expiresAtMs - ownClock.now();
      return clock.now() + (leftMs > 0 ? leftMs : overMs);
    };
    const writes = part.writes.map((write) => ({
      ...write,
      value: write.value.slice(),
      expiresAtMs: write.expiresAtMs === undefined ? undefined : endOf(write.expiresAtMs),
    }));
    return { ...part, writes };
  }

  #call<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (this.#crashed) return new Promise(() => {}); // a crashed process gets no answer
    let call: Promise<T>;
    try {
      if (this.#closed !== undefined) return fail("store-closed", name, "its connection is closed");
      call = work();
    } catch (error) {
      return Promise.reject(error);
    }
    this.#calls.add(call);
    const end = () => void this.#calls.delete(call);
    call.then(end, end);
    return call;
  }

  /** Runs an action after a delay, unless a crash cancels it. */
  #later(afterMs: number, action: () => void): void {
    const cancel = this.#backend.clock.setTimer(afterMs, () => {
      this.#commits.delete(cancel);
      action();
    });
    this.#commits.add(cancel);
  }

  /** Delivers a response or notification to the instance, deferred while it is paused. */
  #deliver(action: () => void): void {
    if (this.#crashed) return;
    if (this.#waiting === undefined) action();
    else this.#waiting.push(action);
  }

  async #end(): Promise<void> {
    this.#watchers.clear();
    if (this.#crashed) return;
    await Promise.allSettled(this.#calls);
    this.presence?.end(false);
    this.#backend.ended();
  }
}

function answerOf<T>(work: () => T, resolve: (value: T) => void, reject: (error: unknown) => void) {
  try {
    const value = work();
    return () => resolve(value);
  } catch (error) {
    return () => reject(error);
  }
}

function fail(code: "store-unavailable" | "store-full" | "store-closed", what: string, why: string): never {
  throw new StoreError(code, `Cannot ${what} the simulated store: ${why}`);
}

function failDown(what: string): never {
  return fail("store-unavailable", what, "its server restarts");
}

function failUnknown(): never {
  throw new OutcomeUnknownError("Cannot tell whether a commit took effect: the simulated store did not say");
}

/**
 * Throws if the caller violates the contract of `commit`: a real store would refuse the parts, or apply
 * something else.
 */
function requireCommittable(parts: readonly AtomicPart[], limits: StoreLimits): void {
  if (parts.length === 0) return;
  requireOneWord(parts);
  requireFits(
    `${parts.length} parts together`,
    parts.map((part) => sizeOfCommit(part, limits)).reduce(sum),
    limits,
  );
  const changedBy = new Map<string, number>();
  const several = -1;
  for (const [index, { writes, removals }] of parts.entries()) {
    for (const { key } of [...writes, ...removals]) {
      const bytes = encoder.encode(key).length;
      if (bytes > limits.keyBytes) {
        throw new TooLargeError(JSON.stringify(key), "bytes of its key", bytes, limits.keyBytes);
      }
      const other = changedBy.get(key);
      changedBy.set(key, other === undefined || other === index ? index : several);
    }
  }
  for (const [index, { checks }] of parts.entries()) {
    for (const { key } of checks) {
      if ((changedBy.get(key) ?? index) === index) continue;
      throw new TypeError(`Cannot commit: one part checks ${JSON.stringify(key)}, which another one changes`);
    }
  }
}

const encoder = new TextEncoder();
