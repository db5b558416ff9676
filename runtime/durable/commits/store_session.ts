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
import { attemptName } from "../rows/writer_name.ts";

/** How far the clock of another instance may be ahead: a position that it gave is never refused for less. */
const aheadMaxMs = 3_600_000;

/**
 * One run of this system on its store: its name there, its committer, and the positions that it gives to messages.
 * Another run of the same program is another instance.
 */
export class StoreSession {
  /** Its name in the store: a new one at each start, and after others considered it dead. */
  instance: string;
  readonly connection: StoreConnection;
  readonly traits: StoreTraits;
  readonly committer: GroupCommitter;
  readonly clock: Clock;
  readonly clockSteps: ClockSteps;
  readonly otherClocks: OtherClocks;
  readonly encoder = new ValueEncoder();
  /** Present in simulations only. */
  readonly probes: Probes | undefined;
  /** The suffix that distinguishes its positions from those of other instances: it stays if the name changes. */
  readonly #tail: string;
  #timestampMicros = 0;
  /** The latest time of a position that was given to one message alone. */
  #furthestTimestampMicros = 0;
  #epoch = 0;
  #turns = 0;
  /** Called with a row that cannot be read. The row is skipped: it must not stop those beside and behind it. */
  onUnreadable: (row: string, error: unknown) => void = () => {};

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
    this.committer = new GroupCommitter(connection, traits, clock, random);
    this.#tail = instance.slice(-10);
  }

  /** The time of the latest position that it gave or observed, in microseconds since 1970. */
  get timestampMicros(): number {
    return this.#timestampMicros;
  }

  /**
   * Moves its time forward to an observed one. An actor passes on the time of the last position that it gave, because
   * the clocks of two instances differ and its next message must come behind.
   */
  heard(timestampMicros: number): void {
    if (timestampMicros > this.#timestampMicros) this.#timestampMicros = timestampMicros;
  }

  /**
   * Another instance wrote its time: positions that this instance gives come behind that, unless that clock is wrong.
   */
  heardTime(atMs: number): void {
    if (atMs <= this.clock.now() + aheadMaxMs) this.heard(Math.floor(atMs * 1_000));
  }

  /** Whether this instance gave that position. */
  gave(position: string): boolean {
    return position.endsWith(this.#tail);
  }

  /** A position behind all that it gave or observed (a hybrid logical clock, as Kulkarni and others describe it). */
  nextPosition(): string {
    this.#timestampMicros = Math.max(Math.floor(this.clock.now() * 1_000), this.#timestampMicros + 1);
    return positionOf(this.#timestampMicros, this.#tail);
  }

  /**
   * A position for a message that waits until a time: behind all that come before that time, so that it does not block
   * them. No other message has it, whatever its time.
   */
  positionAt(atMs: number): string {
    const timestampMicros = Math.max(Math.floor(atMs * 1_000), this.#timestampMicros + 1);
    return positionOf(
      Math.min(timestampMicros, timestampMax),
      `${this.#tail}${(++this.#turns).toString(36)}`,
    );
  }

  /**
   * A position behind a given one, for one message. Whoever names a position moves that message and nothing else: this
   * instance continues from its own time, or a stranger could move all that it accepts behind the messages of the
   * others. A position far ahead of the clock is refused, since no instance gave it.
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
    // Its own position distinguishes it from others behind the same one, in the order of their arrival.
    if (this.#timestampMicros > timestampMicros) return own;
    this.#furthestTimestampMicros = Math.max(this.#furthestTimestampMicros, timestampMicros + 1);
    return positionOf(timestampMicros + 1, this.#tail + own);
  }

  /** The next number in the order of reads of this process. */
  nextReadEpoch(): number {
    return ++this.#epoch;
  }

  /** Whether a time has passed by the clocks of all living instances. No time never passes. */
  isOver(untilMs: number | undefined): boolean {
    return untilMs !== undefined && untilMs + this.otherClocks.aheadMs <= this.clock.now();
  }

  /** The instance that sets a schedule now, and its time. */
  setBy(): SetBy {
    return { instance: this.instance, atMs: this.clock.now(), backMs: this.clockSteps.backMs };
  }

  /** How much too late a schedule that was set so fires, since the clock was set back. */
  lateMs({ instance, atMs, backMs }: SetBy): number {
    if (instance === this.instance) return this.clockSteps.backMs - backMs;
    return this.otherClocks.hears(instance) ? 0 : Math.max(atMs - this.clock.now(), 0);
  }

  /** A name for one attempt to commit. */
  nextToken(): string {
    return attemptName(this.instance, ++this.#turns);
  }
}
