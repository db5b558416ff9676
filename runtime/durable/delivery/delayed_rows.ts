import type { ActorId } from "../../language/address.ts";
import { LimitExceededError } from "../../base/errors.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { lastTimeMs } from "../../base/times.ts";
import type { Ids } from "../../messages/ids.ts";
import { turnRoom } from "../../activations/memory_host.ts";
import type { ResolvedOptions } from "../../ports/options.ts";
import type { WriteSet } from "../commits/write_set.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { delayedOwner, delayedPrefix, scheduleKey, timerKey } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { headOf } from "../rows/queued_message.ts";
import { endOf, requireFiring, type StoredDue, type StoredSchedule } from "../rows/schedule_row.ts";
import { encodeValue, toText } from "../rows/value_codec.ts";
import type { OutgoingMessage } from "./message_writer.ts";
import type { Unsent } from "./remote_rows.ts";
import type { RequestPlace } from "./reply_rows.ts";

/** How many rows are read together when they are counted. */
const pageMax = 1_000;
/** After how long they are counted again. */
const recountMs = 300_000;

/** The bounds of the messages that wait until they are due. */
export type DelayedBounds = Pick<ResolvedOptions["limits"], "delayed" | "delayedBytes">;

/** Where a delayed message comes from. */
export interface DelayedOrigin {
  /** The actor that sends it, if one does. */
  readonly from?: ActorId | undefined;
  /** The key of the mark by which the repeats of a submit are recognised, if one may come. */
  readonly mark?: string | undefined;
}

/** A delayed message that can be written. */
export interface DelayedDraft {
  /** The key of its row, which no other message has. */
  readonly key: string;
  readonly bytes: number;
  readonly text: string;
  /** Where it is until it is due. */
  readonly at: RequestPlace;
  /** Adds it to a commit. */
  write(writeSet: WriteSet): void;
}

const none = { rows: 0, bytes: 0 };

/**
 * The messages that wait in the store until they are due. Each is a schedule that is due once, of an owner that no user
 * can name, so the schedule runner sends it. Their number is bounded, about: each process counts what it writes, has under
 * way from outside, and sends, and counts all rows before it accepts the first from outside, and before it refuses one
 * from outside.
 */
export class DelayedRows {
  readonly #session: StoreSession;
  readonly #ids: Ids;
  readonly #bounds: DelayedBounds;
  readonly #wakeAt: (dueMs: number) => void;
  #rows = 0;
  #bytes = 0;
  /** Those from outside whose commits are under way. */
  #arrivingRows = 0;
  #arrivingBytes = 0;
  /** Those of each commit that is being made. */
  readonly #ofCommit = new WeakMap<WriteSet, { readonly rows: number; readonly bytes: number }>();
  /** When they were counted last, in monotonic milliseconds; absent if never. */
  #countedMs: number | undefined;
  readonly #counting = new SingleFlight(() => this.#count());

  /** `wakeAt` is told when a message is due that was written. */
  constructor(session: StoreSession, ids: Ids, bounds: DelayedBounds, wakeAt: (dueMs: number) => void) {
    this.#session = session;
    this.#ids = ids;
    this.#bounds = bounds;
    this.#wakeAt = wakeAt;
  }

  /** How many wait, as far as this process knows. */
  get size(): number {
    return this.#rows;
  }

  /** A delayed message. Throws a `TooLargeError` if no commit could send it, and what its payload throws. */
  draft({ to, route, payload, id }: OutgoingMessage, { from, mark }: DelayedOrigin = {}): DelayedDraft {
    const { extras, deadline } = route;
    const { dueMs, atTime } = extras!.delay!;
    const { instance, traits: { limits } } = this.#session;
    const input = extras?.input;
    const text = toText(input === undefined ? payload : input.payload);
    const owner = delayedOwner(to);
    const token = this.#session.nextToken();
    const late = deadline !== undefined && deadline.atMs < lastTimeMs;
    const row: StoredSchedule = {
      actor: owner,
      name: token,
      dueMs,
      to: { protocol: to.protocol, key: to.key, operation: route.operation.name },
      token,
      delayed: {
        head: { ...headOf(route, id, instance, this.#ids), deadlineMs: undefined, mark },
        timeoutMs: late ? deadline.atMs - dueMs : undefined,
        from: from && { protocol: from.protocol, key: from.key },
        scope: extras?.scope,
      },
    };
    const key = timerKey(owner, token);
    const value = encodeValue(row, text);
    requireFiring(row, { key, value }, limits);
    const write = (writeSet: WriteSet) => {
      const by = atTime ? undefined : this.#session.setBy();
      const due: StoredDue = { token, by, endMs: endOf(row, dueMs) };
      writeSet.write(key, value);
      writeSet.write(scheduleKey(dueMs, owner, token), encodeValue(due, ""));
      writeSet.after(() => {
        this.#rows++;
        this.#bytes += value.length;
        this.#wakeAt(dueMs);
      });
    };
    const at = {
      protocol: to.protocol,
      key: to.key,
      delayed: { timer: key, due: scheduleKey(dueMs, owner, token) },
    };
    return { key, bytes: value.length, text, at, write };
  }

  /**
   * Writes a delayed message of a turn, and returns where it is, or that there is no room for it: turns have more than
   * others.
   */
  write(writeSet: WriteSet, outgoing: OutgoingMessage, from?: ActorId): Unsent | RequestPlace {
    const draft = this.draft(outgoing, { from });
    const before = this.#ofCommit.get(writeSet);
    const why = this.#full(draft.bytes, turnRoom, before);
    if (why !== undefined) return { text: draft.text, reason: "too-many-delayed", why };
    const { rows, bytes } = before ?? none;
    this.#ofCommit.set(writeSet, { rows: rows + 1, bytes: bytes + draft.bytes });
    draft.write(writeSet);
    return draft.at;
  }

  /**
   * Keeps room for one more message from outside, until `release`, so that many at the same time do not all find the same
   * room. Rejects with a `LimitExceededError` if there is none.
   */
  async reserve(name: string, bytes: number): Promise<void> {
    if (this.#countedMs === undefined) await this.#counting.run();
    if (this.#full(bytes) !== undefined) {
      const { clock, traits: { heartbeatMs } } = this.#session;
      if (clock.monotonicMs() - this.#countedMs! >= heartbeatMs) await this.#counting.run(); // others have sent some
      const why = this.#full(bytes);
      if (why !== undefined) throw new LimitExceededError("too-many-delayed", `Cannot delay ${name}: ${why}`);
    }
    this.#arrivingRows++;
    this.#arrivingBytes += bytes;
  }

  /** The commit of a message from outside has ended: it counts among those that are written, or not at all. */
  release(bytes: number): void {
    this.#arrivingRows--;
    this.#arrivingBytes -= bytes;
  }

  /** Counts them again from time to time, because other processes send what this one wrote. */
  async heartbeat(): Promise<void> {
    const agoMs = this.#session.clock.monotonicMs() - (this.#countedMs ?? -Infinity);
    if (this.#rows > 0 && agoMs >= recountMs) await this.#counting.run();
  }

  /** One has been sent. */
  sent(bytes: number): void {
    this.#rows = Math.max(this.#rows - 1, 0);
    this.#bytes = Math.max(this.#bytes - bytes, 0);
  }

  #full(more: number, room = 1, besides = none): string | undefined {
    const rowsMax = this.#bounds.delayed * room;
    const bytesMax = this.#bounds.delayedBytes * room;
    const rows = this.#rows + this.#arrivingRows + besides.rows;
    const bytes = this.#bytes + this.#arrivingBytes + besides.bytes;
    if (rows >= rowsMax) return `${rows} of ${rowsMax} delayed messages wait`;
    if (bytes + more <= bytesMax || rows === 0) return undefined;
    return `the delayed messages that wait take ${bytes} of ${bytesMax} bytes`;
  }

  /** Counts them, up to the larger bound. */
  async #count(): Promise<void> {
    let [rows, bytes] = [0, 0];
    const range = { prefix: delayedPrefix, limit: pageMax };
    for await (const page of pages(this.#session.connection, range)) {
      rows += page.length;
      for (const { value } of page) bytes += value.length;
      if (rows >= this.#bounds.delayed * turnRoom) break;
    }
    this.#rows = rows;
    this.#bytes = bytes;
    this.#countedMs = this.#session.clock.monotonicMs();
  }
}
