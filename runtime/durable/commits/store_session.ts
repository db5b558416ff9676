import type { Clock } from "../../base/clock.ts";
import { PosthornError } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import type { StoreConnection, StoreTraits } from "../../ports/store.ts";
import { ClockSteps } from "./clock_steps.ts";
import { GroupCommitter } from "./group_committer.ts";
import { positionOf, timestampMax, timestampOfToken } from "../rows/queued_message.ts";
import { OtherClocks } from "./other_clocks.ts";
import { type Probes, probesOf } from "./probes.ts";
import type { SetBy } from "../rows/schedule_row.ts";
import { ValueEncoder } from "../rows/value_codec.ts";

/** How far the clock of another instance may be ahead: what its clock has given is never refused for that. */
const aheadMaxMs = 3_600_000;

/**
 * One run of this system on its store: who it is there, its way to commit, and the positions that it gives. Another run
 * of the same program is another instance.
 */
export class StoreSession {
  #instance: string;
  readonly connection: StoreConnection;
  readonly traits: StoreTraits;
  readonly committer: GroupCommitter;
  readonly clock: Clock;
  readonly clockSteps: ClockSteps;
  readonly otherClocks: OtherClocks;
  readonly encoder = new ValueEncoder();
  /** Only in simulations. */
  readonly probes: Probes | undefined;
  /** What tells its positions from those of other instances. */
  readonly #tail: string;
  #timestampMicros = 0;
  /** The latest time of a position that it gave to a single message. */
  #furthestTimestampMicros = 0;
  #epoch = 0;
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
    this.committer = new GroupCommitter(connection, traits, clock, random);
    this.#tail = instance.slice(-10);
  }

  /** Its name in the store: a new one at each start, and where others took it for dead. */
  get instance(): string {
    return this.#instance;
  }

  /** It goes on under another name. Its positions keep what tells them from those of others. */
  rename(instance: string): void {
    this.#instance = instance;
  }

  /** The time of the latest position that it gave or heard of, in microseconds since 1970. */
  get timestampMicros(): number {
    return this.#timestampMicros;
  }

  /**
   * It goes on from there: an actor hands on the time of the last position that it gave, because the clocks of two
   * instances differ, and its next message must be behind.
   */
  heard(timestampMicros: number): void {
    if (timestampMicros > this.#timestampMicros) this.#timestampMicros = timestampMicros;
  }

  /** An instance told its time. What this one gives is behind that, unless that clock is wrong: another may never have heard. */
  heardTime(atMs: number): void {
    if (atMs <= this.clock.now() + aheadMaxMs) this.heard(Math.floor(atMs * 1_000));
  }

  /** Whether it gave that position. */
  gave(position: string): boolean {
    return position.endsWith(this.#tail);
  }

  /** A position behind all that it gave or heard of (a hybrid logical clock, in the words of Kulkarni and others). */
  nextPosition(): string {
    this.#timestampMicros = Math.max(Math.floor(this.clock.now() * 1_000), this.#timestampMicros + 1);
    return positionOf(this.#timestampMicros, this.#tail);
  }

  /**
   * A position for a message that waits until then: behind all that come before that time, so that it is not in their
   * way. It is its own, whatever else has that time.
   */
  positionAt(atMs: number): string {
    const timestampMicros = Math.max(Math.floor(atMs * 1_000), this.#timestampMicros + 1);
    return positionOf(
      Math.min(timestampMicros, timestampMax),
      `${this.#tail}${(++this.#turns).toString(36)}`,
    );
  }

  /**
   * A position behind that one, which it or another instance gave: for one message. Whoever names a position moves that
   * message and nothing else: the time from which this instance goes on is its own, or a stranger could put all that it
   * accepts behind the others'. A position far ahead is refused all the same: it was never given.
   */
  positionBehind(position: string): string {
    const timestampMicros = timestampOfToken(position);
    const latestMicros = (this.clock.now() + aheadMaxMs) * 1_000;
    const given = timestampMicros !== undefined &&
      timestampMicros <= Math.max(this.#timestampMicros, this.#furthestTimestampMicros);
    if (timestampMicros === undefined || (!given && timestampMicros > latestMicros)) {
      const text = JSON.stringify(String(position).slice(0, 80));
      const why = timestampMicros === undefined
        ? `it must be a place that a system gave: current value is ${text}`
        : `it is ${
          Math.ceil(timestampMicros / 1_000 - this.clock.now())
        } of ${aheadMaxMs} ms ahead of the clock`;
      throw new PosthornError("invalid-after", `Cannot go behind that message: ${why}`);
    }
    const own = this.nextPosition();
    // Its own position tells it from others that are behind the same one, in the order in which they came.
    if (this.#timestampMicros > timestampMicros) return own;
    this.#furthestTimestampMicros = Math.max(this.#furthestTimestampMicros, timestampMicros + 1);
    return positionOf(timestampMicros + 1, this.#tail + own);
  }

  /** The next number in the order of this process's reads. */
  nextReadEpoch(): number {
    return ++this.#epoch;
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
