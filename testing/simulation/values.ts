import type { Clock } from "../../runtime/base/clock.ts";
import { OrderedKeys } from "../../runtime/base/ordered_keys.ts";
import type { AtomicPart, Entry, KeyRange, StoreLimits } from "../../runtime/ports/store.ts";
import { cellsOf } from "../../runtime/ports/commit_size.ts";
import type { FaultInjector } from "./faults.ts";

interface Kept extends Entry {
  readonly goneAtMs: number;
}

/** The values of a simulated store, in key order, until they expire. */
export class SimulatedValues {
  /**
   * The number of orphaned pieces of split values: those of replaced or removed values whose size the commit
   * did not state.
   */
  piecesLeft = 0;
  readonly #clock: Clock;
  readonly #fate: FaultInjector;
  readonly #limits: StoreLimits;
  readonly #values = new Map<string, Kept>();
  readonly #keys = new OrderedKeys();

  constructor(clock: Clock, fate: FaultInjector, limits: StoreLimits) {
    this.#clock = clock;
    this.#fate = fate;
    this.#limits = limits;
  }

  /** The current entry of a key. */
  get(key: string): Entry | undefined {
    const kept = this.#kept(key);
    return kept && { key, value: kept.value.slice(), version: kept.version };
  }

  /** The current entries of a range. */
  list({ prefix, after, limit, reverse = false }: KeyRange): Entry[] {
    const found: Entry[] = [];
    const gone: string[] = [];
    for (const key of this.#keys.list(prefix, after, reverse)) {
      if (found.length === limit) break;
      if (this.#isGone(this.#values.get(key)!)) gone.push(key);
      else found.push(this.get(key)!);
    }
    for (const key of gone) this.#delete(key);
    return found;
  }

  /** All current entries, in key order. */
  all(): Entry[] {
    return this.list({ prefix: "", limit: Infinity });
  }

  /** Whether all checks of a part currently hold. */
  holds({ checks }: AtomicPart): boolean {
    return checks.every(({ key, version }) => this.#kept(key)?.version === version);
  }

  /** Applies a part. The caller has evaluated its checks. */
  apply({ writes, removals }: AtomicPart, version: string): void {
    for (const { key, value, oldBytes, expiresAtMs } of writes) {
      this.#leave(key, oldBytes, cellsOf(value.length, this.#limits));
      if (!this.#values.has(key)) this.#keys.add(key);
      const lagMs = expiresAtMs !== undefined && this.#fate.strikes("lazyExpiry")
        ? this.#fate.below("expiryMsMax")
        : 0;
      const goneAtMs = expiresAtMs === undefined ? Infinity : expiresAtMs + lagMs;
      this.#values.set(key, { key, value: value.slice(), version, goneAtMs });
    }
    for (const { key, oldBytes } of removals) {
      this.#leave(key, oldBytes, 0);
      this.#delete(key);
    }
  }

  /** Counts the pieces that a real store would not find again after a change. */
  #leave(key: string, oldBytes = 0, newPlaces: number): void {
    const old = this.#kept(key);
    if (old === undefined) return;
    const places = cellsOf(old.value.length, this.#limits);
    if (places === 1) return;
    this.piecesLeft += Math.max(places - Math.max(cellsOf(oldBytes, this.#limits), newPlaces), 0);
  }

  #kept(key: string): Kept | undefined {
    const kept = this.#values.get(key);
    if (kept === undefined || !this.#isGone(kept)) return kept;
    this.#delete(key);
    return undefined;
  }

  #isGone({ goneAtMs }: Kept): boolean {
    return goneAtMs <= this.#clock.now();
  }

  #delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.delete(key);
  }
}
