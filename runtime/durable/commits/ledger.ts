import type { Clock } from "../../base/clock.ts";
import { PosthornError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { StoreConnection, StoreTraits } from "../../ports/store.ts";
import { ClockSteps } from "./clock_steps.ts";
import { Committer } from "./committer.ts";
import { placeOf, publicStamp, stampMax } from "../rows/mail.ts";
import { OtherClocks } from "./other_clocks.ts";
import { type Probes, probesOf } from "./probes.ts";
import type { SetBy } from "../rows/schedule_row.ts";
import { ValueEncoder } from "../rows/stored_value.ts";

/** How far the clock of another instance may be ahead: what its clock has given is never refused for that. */
const aheadMaxMs = 3_600_000;

/**
 * One run of this system on its store: who it is there, its way to commit, and the places that it gives. Another run
 * of the same program is another instance.
 */
export class Ledger {
  #instance: string;
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
  /** The latest time of a place that it gave to a single message. */
  #furthestMicros = 0;
  #moment = 0;
  #turns = 0;
  /** Hears when a schedule is due that was just committed. */
  onDue: (dueMs: number) => void = () => {};
  /** Hears of a row that cannot be read, and is passed by: it must not stop what is beside and behind it. */
  onUnreadable: (row: string, error: unknown) => void = () => {};

  constructor(
    instance: string,
    connection: StoreConnection,
    traits: StoreTraits,
    clock: Clock,
    random: Random,
    otherClocks = new OtherClocks(clock),
  ) {
    this.#instance = instance;
    this.connection = connection;
    this.traits = traits;
    this.clock = clock;
    this.clockSteps = new ClockSteps(clock);
    this.otherClocks = otherClocks;
    this.probes = probesOf(connection);
    this.committer = new Committer(connection, traits, clock, random);
    this.#tail = instance.slice(-10);
  }

  /** Its name in the store: a new one at each start, and where others took it for dead. */
  get instance(): string {
    return this.#instance;
  }

  /** It goes on under another name. Its places keep what tells them from those of others. */
  rename(instance: string): void {
    this.#instance = instance;
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

  /** An instance told its time. What this one gives is behind that, unless that clock is wrong: another may never have heard. */
  heardTime(atMs: number): void {
    if (atMs <= this.clock.now() + aheadMaxMs) this.heard(Math.floor(atMs * 1_000));
  }

  /** Whether it gave that place. */
  gave(place: string): boolean {
    return place.endsWith(this.#tail);
  }

  /** A place behind all that it gave or heard of (a hybrid logical clock, in the words of Kulkarni and others). */
  nextPlace(): string {
    this.#stampMicros = Math.max(Math.floor(this.clock.now() * 1_000), this.#stampMicros + 1);
    return placeOf(this.#stampMicros, this.#tail);
  }

  /**
   * A place for a message that waits until then: behind all that come before that time, so that it is not in their way.
   * It is its own, whatever else has that time.
   */
  placeAt(atMs: number): string {
    const stampMicros = Math.max(Math.floor(atMs * 1_000), this.#stampMicros + 1);
    return placeOf(Math.min(stampMicros, stampMax), `${this.#tail}${(++this.#turns).toString(36)}`);
  }

  /**
   * A place behind that one, which it or another instance gave: for one message. Whoever names a place moves that message
   * and nothing else: the time from which this instance goes on is its own, or a stranger could put all that it accepts
   * behind the others'. A place far ahead is refused all the same: it was never given.
   */
  placeBehind(place: string): string {
    const stampMicros = publicStamp(place);
    const latestMicros = (this.clock.now() + aheadMaxMs) * 1_000;
    const given = stampMicros !== undefined &&
      stampMicros <= Math.max(this.#stampMicros, this.#furthestMicros);
    if (stampMicros === undefined || (!given && stampMicros > latestMicros)) {
      const text = JSON.stringify(String(place).slice(0, 80));
      const why = stampMicros === undefined
        ? `it must be a place that a system gave: current value is ${text}`
        : `it is ${Math.ceil(stampMicros / 1_000 - this.clock.now())} of ${aheadMaxMs} ms ahead of the clock`;
      throw new PosthornError("invalid-after", `Cannot go behind that message: ${why}`);
    }
    const own = this.nextPlace();
    // Its own place tells it from others that are behind the same one, in the order in which they came.
    if (this.#stampMicros > stampMicros) return own;
    this.#furthestMicros = Math.max(this.#furthestMicros, stampMicros + 1);
    return placeOf(stampMicros + 1, this.#tail + own);
  }

  /** The next moment in the order of this process's reads. */
  nextMoment(): number {
    return ++this.#moment;
  }

  /** Whether what was kept until then is over, by the clocks of all that live; never, where no time is given. */
  isOver(untilMs: number | undefined): boolean {
    const aheadMs = this.probes?.without("slowest-clock") ? 0 : this.otherClocks.aheadMs;
    return untilMs !== undefined && untilMs + aheadMs <= this.clock.now();
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
