import type { Clock } from "../clock.ts";
import type { Random } from "../random.ts";
import type { StoreConnection, StoreTraits } from "../store.ts";
import { Committer } from "./committer.ts";
import { placeOf } from "./mail.ts";
import { type Probes, probesOf } from "./probes.ts";

/**
 * One run of this system on its store: who it is there, its way to commit, and the places that it gives. Another run
 * of the same program is another instance.
 */
export class Ledger {
  /** Its name in the store: a new one at each start. */
  readonly instance: string;
  readonly connection: StoreConnection;
  readonly traits: StoreTraits;
  readonly committer: Committer;
  readonly clock: Clock;
  /** Only in simulations. */
  readonly probes: Probes | undefined;
  /** What tells its places from those of other instances. */
  readonly #tail: string;
  #stampMicros = 0;
  #moment = 0;
  #turns = 0;
  /** Hears when a schedule is due that was just committed. */
  onDue: (dueMs: number) => void = () => {};

  constructor(
    instance: string,
    connection: StoreConnection,
    traits: StoreTraits,
    clock: Clock,
    random: Random,
  ) {
    this.instance = instance;
    this.connection = connection;
    this.traits = traits;
    this.clock = clock;
    this.probes = probesOf(connection);
    this.committer = new Committer(connection, traits, clock, random);
    this.#tail = instance.slice(-10);
  }

  /** The time of the latest place that it gave or heard of, in microseconds since 1970. */
  get stampMicros(): number {
    return this.#stampMicros;
  }

  /**
   * It goes on from there: an actor hands on the time of the last place that it gave, because the clocks of two
   * instances differ, and its next message must be behind.
   */
  heard(stampMicros: number): void {
    if (stampMicros > this.#stampMicros) this.#stampMicros = stampMicros;
  }

  /** A place behind all that it gave or heard of (a hybrid logical clock, in the words of Kulkarni and others). */
  nextPlace(): string {
    this.#stampMicros = Math.max(Math.floor(this.clock.now() * 1_000), this.#stampMicros + 1);
    return placeOf(this.#stampMicros, this.#tail);
  }

  /** The next moment in the order of this process's reads. */
  nextMoment(): number {
    return ++this.#moment;
  }

  /** A schedule was committed that is due then. */
  dueAt(dueMs: number): void {
    this.onDue(dueMs);
  }

  /** A name for one attempt to commit. */
  nextToken(): string {
    return `${this.instance}-${(++this.#turns).toString(36)}`;
  }
}
