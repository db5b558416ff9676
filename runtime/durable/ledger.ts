import type { Clock } from "../clock.ts";
import { PosthornError } from "../errors.ts";
import type { Random } from "../random.ts";
import type { StoreConnection, StoreTraits } from "../store.ts";
import { ClockSteps } from "./clock_steps.ts";
import { Committer } from "./committer.ts";
import { placeOf, publicStamp } from "./mail.ts";
import { OtherClocks } from "./other_clocks.ts";
import { type Probes, probesOf } from "./probes.ts";
import type { SetBy } from "./schedule_row.ts";
import { ValueEncoder } from "./stored_value.ts";

/** How far the clock of another instance may be ahead. */
export const aheadMaxMs = 3_600_000;

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
  readonly clockSteps: ClockSteps;
  readonly otherClocks: OtherClocks;
  readonly encoder = new ValueEncoder();
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
    otherClocks = new OtherClocks(clock),
  ) {
    this.instance = instance;
    this.connection = connection;
    this.traits = traits;
    this.clock = clock;
    this.clockSteps = new ClockSteps(clock);
    this.otherClocks = otherClocks;
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

  /**
   * The next place that it gives is behind that one, which it or another instance gave. Returns a moment: what was
   * written before it is in every list that begins later. A place far ahead is refused: nobody may push the time of this
   * instance, and with it all that it accepts, behind the others'.
   */
  goBehind(place: string): number {
    const stampMicros = publicStamp(place);
    const known = stampMicros !== undefined && stampMicros <= this.#stampMicros;
    const latestMicros = (this.clock.now() + aheadMaxMs) * 1_000;
    if (stampMicros === undefined || (!known && stampMicros > latestMicros)) {
      const text = JSON.stringify(String(place).slice(0, 80));
      const why = stampMicros === undefined
        ? `it must be a place that a system gave: current value is ${text}`
        : `it is ${Math.ceil(stampMicros / 1_000 - this.clock.now())} of ${aheadMaxMs} ms ahead of the clock`;
      throw new PosthornError("invalid-after", `Cannot go behind that message: ${why}`);
    }
    this.heard(stampMicros);
    return this.nextMoment();
  }

  /** The next moment in the order of this process's reads. */
  nextMoment(): number {
    return ++this.#moment;
  }

  /** Whether what was kept until then is over, by the clocks of all that live; never, where no time is given. */
  isOver(untilMs: number | undefined): boolean {
    return untilMs !== undefined && untilMs + this.otherClocks.aheadMs <= this.clock.now();
  }

  /** Who sets a schedule now. */
  setBy(): SetBy {
    return { instance: this.instance, atMs: this.clock.now(), backMs: this.clockSteps.backMs };
  }

  /** How much later than was meant something comes that was set so, since the clock was set back. */
  lateMs({ instance, atMs, backMs }: SetBy): number {
    if (instance === this.instance) return this.clockSteps.backMs - backMs;
    return this.otherClocks.hears(instance) ? 0 : Math.max(atMs - this.clock.now(), 0);
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
