import type { Clock } from "../../runtime/base/clock.ts";
import type { Random } from "../../runtime/base/random.ts";
import { storeEngine } from "../../runtime/durable/engine.ts";
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
import { SimulatedServer } from "./sessions.ts";
import { SimulatedValues } from "./values.ts";

/** Options of {@linkcode SimulatedStore}. */
export interface SimulatedStoreOptions {
  /** The true time, which determines the latencies, whatever the clocks of instances show. */
  readonly clock: Clock;
  /** The source of randomness. The same sequence gives the same run. */
  readonly random: Random;
  /** The faults to inject; by default none. */
  readonly faults?: SimulatedFaults;
  /** The durations of calls and faults. */
  readonly times?: SimulatedTimes;
  /** The traits, where they differ from those of a store shared by many processes. */
  readonly traits?: Partial<Omit<StoreTraits, "limits">>;
  /** The limits of a commit, where they differ from those of Deno KV. */
  readonly limits?: Partial<StoreLimits>;
  /**
   * The limits that it actually enforces, where they are lower than `limits`, like those of a server with
   * unknown settings.
   */
  readonly strict?: Partial<StoreLimits>;
  /**
   * Whether its connections have a presence, which detects soon that a process has ended: by the locks of sessions of
   * a server, as in PostgreSQL.
   *
   * @default {false}
   */
  readonly presence?: boolean;
  /**
   * Called when a process asks its platform to start it again at a time (milliseconds since 1970, in true time), or not to
   * (`undefined`). If it is present, connections have `wakeAt`.
   */
  readonly onWakeAt?: (atMs: number | undefined) => void;
  /** Called after each applied commit, with its applied parts. */
  readonly onCommit?: (commit: SimulatedCommit, parts: readonly AtomicPart[]) => void;
}

/** An applied commit in the log of a simulated store. */
export interface SimulatedCommit {
  /** The sequence number of the commit, from 1. */
  readonly number: number;
  /** When it was applied, in milliseconds since 1970. */
  readonly atMs: number;
  /** The name of the instance that committed it. */
  readonly instance: string;
  /**
   * The outcome as its instance sees it: `known`; `unknown`; or `late`, if it is unknown and the commit was
   * applied later.
   */
  readonly outcome: "known" | "unknown" | "late";
  /** The version of all its writes. */
  readonly version: string;
  /** The keys that each applied part checks, writes and removes. */
  readonly parts: readonly {
    readonly checks: readonly string[];
    readonly writes: readonly string[];
    readonly removals: readonly string[];
  }[];
}

/**
 * The view of one instance on a simulated store: a store for its system, which a test can crash and pause.
 */
export interface SimulatedInstance extends Store {
  /**
   * Ends its connections as a crash does: no pending call is answered, and no watch is called. Commits in
   * progress are not applied, except those that the fault `crashLands` selects. The store can be opened
   * again.
   */
  crash(): void;
  /** Pauses the instance: answers and notifications are deferred. */
  pause(): void;
  /** Resumes the instance; deferred answers and notifications arrive in their order. */
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
 * A store shared by the simulated instances of a service. All its behaviour is derived from one source of
 * randomness and one clock, so a seed reproduces a run; and it can inject every kind of fault that real
 * stores have.
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
  /** In the order in which they were opened. */
  readonly #connections = new Set<SimulatedConnection>();
  readonly #server: SimulatedServer | undefined;
  readonly #log: SimulatedCommit[] = [];
  #fullUntilMs = -Infinity;

  /**
   * Creates an empty store. Throws a `RangeError` for an unknown fault, or a probability that is not from 0
   * to 1.
   */
  constructor(options: SimulatedStoreOptions) {
    this.#options = options;
    const limits = { ...usualLimits, ...options.limits };
    this.#traits = { ...usualTraits, ...options.traits, limits };
    this.#fate = new FaultInjector(options.random, options.times ?? {});
    this.#fate.faults = options.faults ?? {};
    this.#server = options.presence ? new SimulatedServer(options.clock, this.#fate) : undefined;
    this.#values = new SimulatedValues(options.clock, this.#fate, limits);
  }

  /** The faults to inject from now on. Setting it also ends a period in which the store is full. */
  get faults(): SimulatedFaults {
    return this.#fate.faults;
  }

  set faults(faults: SimulatedFaults) {
    this.#fate.faults = faults;
    this.#fullUntilMs = -Infinity;
  }

  /** The number of times each fault has occurred so far. A fault that never occurred was not tested. */
  get counts(): Readonly<Record<SimulatedFault, number>> {
    return this.#fate.counts;
  }

  /** All applied commits, in order. It grows with the run. */
  get log(): readonly SimulatedCommit[] {
    return this.#log;
  }

  /**
   * The number of pieces of split values that a real store would keep forever, because the change that
   * replaced or removed the value did not state its size.
   */
  get piecesLeft(): number {
    return this.#values.piecesLeft;
  }

  /** All current entries, in key order. */
  snapshot(): Entry[] {
    return this.#values.all();
  }

  /** Returns the view of an instance. Its name appears in the log. */
  instance(name: string): SimulatedInstance {
    const own = new Set<SimulatedConnection>();
    let paused = false;
    const each = (action: (connection: SimulatedConnection) => void) => own.forEach(action);
    return {
      engine: storeEngine,
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
      server: this.#server,
      hasRoom: () => this.#hasRoom(),
      onWakeAt: this.#options.onWakeAt,
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

  /** Applies the parts whose checks hold now, except those chosen for a false conflict. */
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

  /**
   * Chooses the parts of a false conflict: at least one of those that check a version, and each other one at
   * random.
   */
  #seemingStale(parts: readonly AtomicPart[]): Set<AtomicPart> {
    const checked = parts.filter(({ checks }) => checks.some(({ version }) => version !== undefined));
    if (checked.length === 0 || !this.#fate.strikes("conflict")) return new Set();
    const first = Math.floor(this.#fate.share() * checked.length);
    return new Set(checked.filter((_, index) => index === first || this.#fate.share() < 0.25));
  }
}
