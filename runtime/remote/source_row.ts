import type { StoreSession } from "../durable/commits/store_session.ts";
import { sourceKey } from "../durable/rows/keys.ts";
import { timestampOf } from "../durable/rows/queued_message.ts";
import { decodeValue, encodeValue } from "../durable/rows/value_codec.ts";
import type { Channel, Tenure } from "../ports/transport.ts";

/** What the store knows of a shard that this service reads. */
interface SourceRow {
  /** The last position that a message of the shard got in a mailbox: later ones come behind it, whatever the clocks say. */
  readonly place?: string | undefined;
  /** The position in the log up to which all is accepted, and the identity of that log. */
  readonly position?: number | undefined;
  readonly epoch?: string | undefined;
  /** The tenure that wrote it, and which of its attempts to commit a part. */
  readonly token: string;
  readonly attempt: number;
}

/** What one part accepts of a shard. */
export interface SourceStep {
  readonly place: string | undefined;
  readonly position: number | undefined;
}

/**
 * One tenure on the row of its shard. Each acceptance checks the version of the row and writes it. So of two tenures that
 * both believe that they read the shard only one goes on, and messages stay in order.
 */
export class SourceTenure {
  readonly key: string;
  /** The version of the row; absent if there is none yet. */
  version: string | undefined;
  /** When the row was read, in the order of reads of this process. */
  readEpoch = 0;
  /** Whether no batch has been taken yet: then the marks of the first are read before it is committed. */
  isFirst = true;
  readonly #session: StoreSession;
  readonly #epoch: string | undefined;
  /** A name for this tenure. The row with both is the one that its last attempt wrote, and no earlier one that landed late. */
  readonly #token: string;
  #attempt = 0;
  #place: string | undefined;
  #position: number | undefined;

  private constructor(session: StoreSession, key: string, epoch: string | undefined) {
    this.#session = session;
    this.key = key;
    this.#epoch = epoch;
    this.#token = session.nextToken();
  }

  /** Begins a tenure: only reads the row. Its first part is its fence. */
  static async begin(
    session: StoreSession,
    channel: Channel,
    { shard, epoch }: Tenure,
  ): Promise<SourceTenure> {
    const tenure = new SourceTenure(session, sourceKey(channelName(channel), shard), epoch);
    const [stored] = await session.connection.read([tenure.key]);
    tenure.readEpoch = session.nextReadEpoch();
    tenure.version = stored?.version;
    if (stored === undefined) return tenure;
    try {
      const { place, position, epoch: of } = decodeValue<SourceRow>(stored.value).head;
      if (place !== undefined) session.heard(timestampOf(place));
      tenure.#place = place;
      if (of === epoch && typeof position === "number") tenure.#position = position; // else it is another log
    } catch (error) { // it is written anew: one that cannot be read must not stop the shard
      session.onUnreadable(stored.key, error);
    }
    return tenure;
  }

  /** The position behind which the log is to be read; absent for a queue, and if none is known. */
  get position(): number | undefined {
    return this.#position;
  }

  /** Whether a message is behind all that was accepted of the log. */
  isNew(position: number | undefined): boolean {
    return position === undefined || this.#position === undefined || position > this.#position;
  }

  /** The value of the row for one attempt to commit a part. */
  nextValue({ place = this.#place, position = this.#position }: SourceStep): Uint8Array {
    const row: SourceRow = {
      place,
      position,
      epoch: this.#epoch,
      token: this.#token,
      attempt: ++this.#attempt,
    };
    return encodeValue(row, "");
  }

  /** A part is committed; its version is unknown if others have written over it since. */
  committed(
    { place = this.#place, position = this.#position }: SourceStep,
    version: string | undefined,
  ): void {
    this.#place = place;
    this.#position = position;
    this.version = version;
  }

  /** Reads the row. Returns whether it is as this tenure knows it, and the version under which its last attempt is there. */
  async look(): Promise<{ readonly same: boolean; readonly landed: string | undefined }> {
    const [stored] = await this.#session.connection.read([this.key]);
    const same = stored?.version === this.version;
    if (same || stored === undefined) return { same, landed: undefined };
    let row: SourceRow | undefined;
    try {
      row = decodeValue<SourceRow>(stored.value).head;
    } catch { // it is none of this tenure
      row = undefined;
    }
    const own = row?.token === this.#token && row.attempt === this.#attempt;
    return { same, landed: own ? stored.version : undefined };
  }
}

/** The name of a channel in the keys of its shards. */
export function channelName(channel: Channel): string {
  if (channel.kind === "inbox") return `inbox:${channel.protocol}`;
  if (channel.kind === "event") return `event:${channel.protocol}.${channel.event}`;
  return channel.kind;
}
