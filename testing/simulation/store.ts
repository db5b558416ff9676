import type { Clock } from "../../runtime/base/clock.ts";
import type { Random } from "../../runtime/base/random.ts";
import type {
  AtomicPart,
  Entry,
  Store,
  StoreConnection,
  StoreLimits,
  StoreTraits,
} from "../../runtime/ports/store.ts";
import { SimulatedConnection } from "./connection.ts";
import { FaultInjector, type SimulatedFault, type SimulatedFaults, type SimulatedTimes } from "./faults.ts";
import type { SimulatedLocks } from "./presence.ts";
import { SimulatedValues } from "./values.ts";

/** Options of {@linkcode SimulatedStore}. */
export interface SimulatedStoreOptions {
  /** What its calls take their time from: the true one, whatever the clocks of instances say. */
  readonly clock: Clock;
  /** What it draws from: the same sequence gives the same run. */
  readonly random: Random;
  /** What goes wrong; without it nothing. */
  readonly faults?: SimulatedFaults;
  /** How long things take. */
  readonly times?: SimulatedTimes;
  /** What it says of itself, where that differs from a store that many share. */
  readonly traits?: Partial<Omit<StoreTraits, "limits">>;
  /** How much one commit can take, where that differs from Deno KV. */
  readonly limits?: Partial<StoreLimits>;
  /** How much it takes in truth, where that is less than it says: as a server of whose settings nobody told. */
  readonly strict?: Partial<StoreLimits>;
  /**
   * Whether its connections have a presence, which tells at once that a process has ended.
   *
   * @default {false}
   */
  readonly presence?: boolean;
  /** Called after each commit that was applied, with the parts of it that were. */
  readonly onCommit?: (commit: SimulatedCommit, parts: readonly AtomicPart[]) => void;
}

/** A commit that was applied, as the log of a simulated store has it. */
export interface SimulatedCommit {
  /** The how-manieth it was, from 1. */
  readonly number: number;
  /** When it was applied. */
  readonly atMs: number;
  /** Whose it was. */
  readonly instance: string;
  /** Whether the instance was told, cannot know, or cannot know and it landed later. */
  readonly outcome: "known" | "unknown" | "late";
  /** The version that all of its writes have. */
  readonly version: string;
  /** The parts that were applied: the keys that they check, write and remove. */
  readonly parts: readonly {
    readonly checks: readonly string[];
    readonly writes: readonly string[];
    readonly removals: readonly string[];
  }[];
}

/** What of a simulated store is one instance's: a store to give to its system, and to take from it. */
export interface SimulatedInstance extends Store {
  /**
   * Ends its connections as a crash does: no call of theirs is ever answered, no watch heard. What they had under way
   * is not applied, but for the commits that the fault `crashLands` lets through. It can be opened again.
   */
  crash(): void;
  /** Stops it as a process is stopped: what would have been answered or heard waits. */
  pause(): void;
  /** Lets it go on; what has waited comes in its order. */
  resume(): void;
}

const usualTraits: Omit<StoreTraits, "limits"> = {
  name: "simulated",
  durability: "power",
  processes: "many",
  unknownOutcomes: true,
  commitsAtOnce: 4,
  fullCommitsAtOnce: 4,
  partsAtOnce: 25,
  heartbeatMs: 2_000,
};

const usualLimits: StoreLimits = {
  keyBytes: 2_000,
  valueBytes: 65_536,
  checks: 100,
  writes: 999,
  bytes: 737_280,
  keysBytes: 59_942,
};

/**
 * One store that the simulated instances of a cluster share. Everything about it is drawn from one sequence and timed
 * by one clock, so that a seed repeats a run; and it can go wrong in every way in which real stores do.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
 * import { SimulatedStore } from "@posthorn/posthorn/testing/simulation";
 *
 * const clock = new VirtualClock();
 * const store = new SimulatedStore({ clock, random: seededRandom(1), faults: { unknownLanded: 1 } });
 * const opening = store.instance("one").open({ clock });
 * const connection = await opening;
 * const failure = connection.commit([{ checks: [], writes: [{ key: "a", value: new Uint8Array(1) }], removals: [] }])
 *   .catch((error) => error.code);
 * await clock.advance(10);
 * assert(await failure === "outcome-unknown");
 * assert(store.snapshot()[0].key === "a" && store.log[0].outcome === "unknown");
 * ```
 */
export class SimulatedStore {
  readonly #options: SimulatedStoreOptions;
  readonly #traits: StoreTraits;
  readonly #fate: FaultInjector;
  readonly #values: SimulatedValues;
  /** In the order of opening. */
  readonly #connections = new Set<SimulatedConnection>();
  readonly #locks: SimulatedLocks | undefined;
  readonly #log: SimulatedCommit[] = [];
  #fullUntilMs = -Infinity;

  /** Makes an empty store. Throws a `RangeError` for a fault that it does not know, or that is no probability. */
  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
    const limits = { ...usualLimits, ...options.limits };
    this.#traits = { ...usualTraits, ...options.traits, limits };
    this.#locks = options.presence ? new Map() : undefined;
    this.#fate = new FaultInjector(options.random, options.times ?? {});
    this.#fate.faults = options.faults ?? {};
    this.#values = new SimulatedValues(options.clock, this.#fate, limits);
  }

  /** What may go wrong from now on. Setting it also ends a time without room. */
  get faults(): SimulatedFaults {
    return this.#fate.faults;
  }

  set faults(faults: SimulatedFaults) {
    this.#fate.faults = faults;
    this.#fullUntilMs = -Infinity;
  }

  /** How often each fault has happened so far: what never did was not tested. */
  get counts(): Readonly<Record<SimulatedFault, number>> {
    return this.#fate.counts;
  }

  /** All commits that were applied, in their order. It grows with the run. */
  get log(): readonly SimulatedCommit[] {
    return this.#log;
  }

  /**
   * How many pieces of split values a real store would hold for ever, since what replaced or removed them did not say
   * how large they were.
   */
  get piecesLeft(): number {
    return this.#values.piecesLeft;
  }

  /** All values that are there now, in the order of their keys. */
  snapshot(): Entry[] {
    return this.#values.all();
  }

  /** What an instance of that name gets; the name stands in the log. */
  instance(name: string): SimulatedInstance {
    const own = new Set<SimulatedConnection>();
    let paused = false;
    const each = (action: (connection: SimulatedConnection) => void) => own.forEach(action);
    return {
      traits: this.#traits,
      open: (services): Promise<StoreConnection> => {
        const connection = this.#connect(name, own, services.clock);
        if (paused) connection.pause();
        return Promise.resolve(connection);
      },
      crash() {
        paused = false;
        each((connection) => connection.crash());
      },
      pause() {
        paused = true;
        each((connection) => connection.pause());
      },
      resume() {
        paused = false;
        each((connection) => connection.resume());
      },
    };
  }

  #connect(instance: string, own: Set<SimulatedConnection>, ownClock: Clock): SimulatedConnection {
    const connection: SimulatedConnection = new SimulatedConnection({
      clock: this.#options.clock,
      ownClock,
      fate: this.#fate,
      values: this.#values,
      limits: { ...this.#traits.limits, ...this.#options.strict },
      locks: this.#locks,
      hasRoom: () => this.#hasRoom(),
      apply: (parts, outcome) => this.#apply(connection, instance, parts, outcome),
      ended: () => {
        this.#connections.delete(connection);
        own.delete(connection);
      },
    });
    this.#connections.add(connection);
    own.add(connection);
    return connection;
  }

  #hasRoom(): boolean {
    const nowMs = this.#options.clock.now();
    if (nowMs < this.#fullUntilMs) return false;
    if (!this.#fate.strikes("full")) return true;
    this.#fullUntilMs = nowMs + this.#fate.below("fullMsMax");
    return false;
  }

  /** Applies those parts whose checks hold now, but for those that seem stale. */
  #apply(
    from: SimulatedConnection,
    instance: string,
    parts: readonly AtomicPart[],
    outcome: SimulatedCommit["outcome"],
  ): (string | undefined)[] {
    const stale = this.#seemingStale(parts);
    const applied = parts.filter((part) => this.#values.holds(part) && !stale.has(part));
    if (applied.length === 0) return parts.map(() => undefined);
    const number = this.#log.length + 1;
    const version = `v${number}`;
    for (const part of applied) this.#values.apply(part, version);
    const keysOf = (list: readonly { readonly key: string }[]) => list.map(({ key }) => key);
    const commit: SimulatedCommit = {
      number,
      atMs: this.#options.clock.now(),
      instance,
      outcome,
      version,
      parts: applied.map(({ checks, writes, removals }) => ({
        checks: keysOf(checks),
        writes: keysOf(writes),
        removals: keysOf(removals),
      })),
    };
    this.#log.push(commit);
    this.#options.onCommit?.(commit, applied);
    if (applied.some(({ rings }) => rings)) {
      for (const connection of this.#connections) if (connection !== from) connection.ring();
    }
    return parts.map((part) => applied.includes(part) ? version : undefined);
  }

  /** At least one, and any of the others; what checks no version cannot seem stale. */
  #seemingStale(parts: readonly AtomicPart[]): Set<AtomicPart> {
    const checked = parts.filter(({ checks }) => checks.some(({ version }) => version !== undefined));
    if (checked.length === 0 || !this.#fate.strikes("conflict")) return new Set();
    const first = Math.floor(this.#fate.share() * checked.length);
    return new Set(checked.filter((_, index) => index === first || this.#fate.share() < 0.25));
  }
}
