import { messageOf, PosthornError } from "../base/errors.ts";
import { guarded } from "../base/guarded.ts";
import { TooLargeError } from "../base/store_errors.ts";
import { commitOne } from "../durable/commits/commit_one.ts";
import { WriteSet } from "../durable/commits/write_set.ts";
import type { RemoteWritingServices } from "../durable/remote_part.ts";
import { expectKey, lastPart, outboxLanePrefix, replyRowKey } from "../durable/rows/keys.ts";
import { decodeValue, fromText } from "../durable/rows/value_codec.ts";
import { namedOperation, nameOf } from "../messages/envelope.ts";
import { keptReplyOf } from "../messages/kept_reply.ts";
import { Remote } from "../messages/remote_address.ts";
import { timeOfReplyName } from "../messages/reply_name.ts";
import { isReplyAway, unsentReply } from "../messages/unsent_reply.ts";
import { fits, sizeOfCommit } from "../ports/commit_size.ts";
import { lateness } from "../ports/dead_letters.ts";
import type { Entry } from "../ports/store.ts";
import type { Parcel, Refusal, TransportTraits } from "../ports/transport.ts";
import type { OutboxLane } from "./outbox_lanes.ts";
import { type OutboxHead, parcelOf } from "./outbox_row.ts";
import type { Batch, PumpServices } from "./pump.ts";

/** The most rows of one list, and of the first one. */
const listMax = 500;
const listFirst = 50;
/** About how many bytes of rows are read at once. */
const batchBytes = 4_194_304;
/** How long a reply waits for an address at which nobody receives, in milliseconds. */
const returnMs = 60_000;
/** The operation of a row that cannot be read: no operation has that name. */
const unreadableName = "~unreadable";
const decoder = new TextDecoder();

/** What relays need. */
export interface RelayServices extends RemoteWritingServices {
  readonly pump: PumpServices;
  readonly traits: TransportTraits;
  /** How long a row is sent before it becomes a dead letter, in milliseconds. */
  readonly keepMs: number;
}

/** A row of the outbox. */
interface Row {
  readonly key: string;
  readonly version: string;
  readonly bytes: number;
  readonly head: OutboxHead;
  readonly text: string;
  /** The row as a parcel; absent if it cannot be read. */
  readonly parcel: Parcel | undefined;
  /** Why it cannot be read. */
  readonly fault?: string;
}

/** Why a row is not sent. */
interface Fault {
  readonly reason: string;
  readonly why: string;
  /** Whether it is too large for the broker: who waits for a reply is told that. */
  readonly isTooLarge?: boolean;
}

/**
 * Sends the rows of one lane: it reads some from the head, sends them as one batch, and removes those that the broker
 * has. It holds no lock. Two that send the same lane are harmless: each sends in order from the head, and the receiver
 * knows the ids of repeats.
 */
export class Relay {
  readonly #services: RelayServices;
  readonly #lane: OutboxLane;
  readonly #prefix: string;
  #limit: number;
  /** The removal of the rows of the last batch, while it is under way, and their keys. */
  #removing: { readonly done: Promise<void>; readonly keys: ReadonlySet<string> } | undefined;

  constructor(services: RelayServices, lane: OutboxLane) {
    this.#services = services;
    this.#lane = lane;
    this.#prefix = outboxLanePrefix(lane.name);
    this.#limit = Math.min(this.#limitMax, listFirst);
  }

  /** The rows at the head, as parcels. Rows that cannot be sent become dead letters first. */
  async next(): Promise<Batch | undefined> {
    for (;;) {
      const limit = this.#limit;
      const removing = this.#removing;
      const { connection } = this.#services.session;
      // From the head, since a row may come in front of those that were sent: its commit landed later.
      const listed = await connection.list({
        prefix: this.#prefix,
        limit: limit + (removing?.keys.size ?? 0),
      });
      const entries = listed.filter(({ key }) => removing?.keys.has(key) !== true);
      if (entries.length === 0 && removing !== undefined) {
        await this.#removed();
        continue;
      }
      const bytes = removing === undefined ? this.#measure(entries, limit) : bytesOf(entries);
      if (entries.length === 0) return undefined;
      const rows: Row[] = [];
      const parcels: Parcel[] = [];
      for (const entry of entries) {
        const row = readRow(entry, this.#lane.name);
        const parcel = await this.#parcelOf(row);
        if (parcel === undefined) continue;
        rows.push(row);
        parcels.push(parcel);
      }
      this.#limit = Math.max(Math.min(Math.floor(batchBytes * entries.length / bytes), this.#limitMax), 1);
      this.#lane.oldestMs = rows[0]?.head.atMs;
      if (rows.length === 0) continue; // none of them could be sent
      return { parcels, sent: (answers) => this.#sent(rows, answers), unknown: () => {} };
    }
  }

  get #limitMax(): number {
    const { traits: { limits } } = this.#services.session;
    return Math.max(Math.min(this.#services.traits.parcelsAtOnce, listMax, limits.writes), 1);
  }

  /** Counts the rows of the lane, if these are all. Returns their bytes. */
  #measure(entries: readonly Entry[], limit: number): number {
    const bytes = bytesOf(entries);
    if (entries.length === limit) return bytes;
    this.#lane.rows = entries.length;
    this.#lane.bytes = bytes;
    if (entries.length === 0) this.#lane.oldestMs = undefined;
    return bytes;
  }

  /** The parcel of a row, or nothing if it is not sent: then it becomes a dead letter, or nobody waits for it. */
  async #parcelOf(row: Row): Promise<Parcel | undefined> {
    const { head, parcel } = row;
    if (parcel === undefined) return void await this.#bury(row, { reason: "failed", why: row.fault! });
    const nowMs = this.#services.session.clock.now();
    if ((parcel.expiresAtMs ?? Infinity) <= nowMs) return void await this.#removeAll([row]);
    const fault = this.#faultOf(head, parcel, nowMs);
    if (fault === undefined) return parcel;
    await this.#bury(row, fault);
  }

  #faultOf({ message, atMs }: OutboxHead, { body }: Parcel, nowMs: number): Fault | undefined {
    const { keepMs, traits: { messageBytes } } = this.#services;
    if ((message.deadlineMs ?? Infinity) <= nowMs) return { reason: "deadline", why: lateness(0) };
    if (body.length > messageBytes) {
      const why = `its payload has ${body.length} of ${messageBytes} bytes`;
      return { reason: "too-large", why, isTooLarge: true };
    }
    if (atMs + keepMs > nowMs) return undefined;
    const why =
      `nobody took it in ${keepMs} ms. It may have been delivered all the same: sending it again is ` +
      `safe only within deduplicationWindowMs`;
    return { reason: "expired", why };
  }

  /**
   * Removes what the broker has, and makes dead letters of what it will never have. If the broker has all of it, the next
   * batch need not wait for the removal.
   */
  async #sent(rows: readonly Row[], answers: readonly (Refusal | undefined)[]): Promise<boolean> {
    await this.#removed();
    const sent = rows.filter((_, index) => answers[index] === undefined);
    this.#remove(sent);
    if (sent.length === rows.length) return true;
    await this.#removed();
    let waits = false;
    for (const [index, row] of rows.entries()) {
      const refusal = answers[index];
      if (refusal === undefined) continue;
      const fault = this.#faultOfRefusal(refusal, row);
      if (fault === undefined) waits = true;
      else await this.#bury(row, fault);
    }
    return !waits;
  }

  /** Begins to remove rows. If that fails, they are sent again. */
  #remove(rows: readonly Row[]): void {
    const done = this.#removeAll(rows);
    const removing = { done, keys: new Set(rows.map(({ key }) => key)) };
    this.#removing = removing;
    done.then(() => {
      if (this.#removing === removing) this.#removing = undefined;
    }, () => {}); // `#removed` tells
  }

  /** Waits for the removal that is under way. Rejects if it failed: then the rows are at the head again. */
  async #removed(): Promise<void> {
    const removing = this.#removing;
    if (removing === undefined) return;
    try {
      await removing.done;
    } finally {
      this.#removing = undefined;
    }
  }

  /** Why a refused row is given up; nothing if it is sent again: somebody may receive there later. */
  #faultOfRefusal({ code, message }: Refusal, { head: { atMs }, parcel }: Row): Fault | undefined {
    if (code !== "no-receiver") {
      return { reason: "undeliverable", why: message, isTooLarge: code === "too-large" };
    }
    // Whoever asked and is gone does not come back under that address, unless its queue is being made anew.
    const gone = parcel?.to.kind === "reply" && atMs + returnMs <= this.#services.session.clock.now();
    return gone ? { reason: code, why: message } : undefined;
  }

  /** Removes rows. Another relay may have removed them: that does no harm. */
  async #removeAll(rows: readonly Pick<Row, "key" | "bytes">[]): Promise<void> {
    if (rows.length === 0) return;
    const { session: { committer, traits: { limits } } } = this.#services;
    const writeSet = new WriteSet();
    for (const { key, bytes } of rows) writeSet.removeOnce(key, bytes);
    if (rows.length > 1 && !fits(sizeOfCommit(writeSet, limits), limits)) {
      const half = rows.length >> 1;
      await this.#removeAll(rows.slice(0, half));
      return await this.#removeAll(rows.slice(half));
    }
    await commitOne(committer, writeSet, "what was sent");
    this.#gone(rows);
  }

  #gone(rows: readonly Pick<Row, "bytes">[]): void {
    this.#lane.rows = Math.max(this.#lane.rows - rows.length, 0);
    for (const { bytes } of rows) this.#lane.bytes = Math.max(this.#lane.bytes - bytes, 0);
  }

  /** Makes a dead letter of a row, unless another relay has removed it; without its payload if that is too large. */
  async #bury(row: Row, fault: Fault): Promise<void> {
    try {
      await this.#buryAs(row, fault, row.text);
    } catch (error) {
      if (!(error instanceof TooLargeError)) throw error;
      await this.#buryAs(row, fault, "");
    }
  }

  async #buryAs(row: Row, { reason, why, isTooLarge }: Fault, text: string): Promise<void> {
    const { key, version, bytes, head } = row;
    const { session, writer, committedDelivery, deadLettered } = this.#services;
    const writeSet = new WriteSet();
    if (!await this.#claimOutcome(writeSet, head)) return await this.#removeAll([row]);
    const { to, message, sender, expected } = head;
    const mail = { ...message, sent: { sender, replyName: expected?.name } };
    writeSet.removeIfUnchanged({ key, version }, bytes);
    const name = nameOf(namedOperation({ ...to, operation: mail.operation }), to.key);
    const letter = writer.deadLetter(
      writeSet,
      to,
      { head: mail, text, payload: payloadOf(text) },
      { reason, message: `${name}: ${why}`, attempts: 0 },
    );
    if (isTooLarge === true && isReplyAway(to, { name: message.operation })) {
      const { causationId: id = message.id, correlationId, headers, via } = message;
      const cause = { id, correlationId, headers, operation: "", via };
      const failure = unsentReply(id, new PosthornError("too-large", why));
      writer.answer(writeSet, { ...to, operation: Remote.refuse.name }, failure, cause);
    }
    writeSet.after(() => deadLettered(letter));
    const committed = await commitOne(session.committer, writeSet, "a dead letter");
    if (committed !== undefined) writeSet.land(committedDelivery, committed, session.nextReadEpoch());
    this.#gone([row]);
  }

  /**
   * Adds to a commit that a failure is the outcome of a request. Returns whether it has none: it may have been answered, or
   * given up, while nobody knew whether the broker has it.
   */
  async #claimOutcome(writeSet: WriteSet, head: OutboxHead): Promise<boolean> {
    const { session: { connection }, replies } = this.#services;
    const awaits = expectedRow(head);
    if (awaits !== undefined) {
      const [waiting] = await connection.read([awaits]);
      if (waiting !== undefined) writeSet.removeIfUnchanged(waiting, waiting.value.length);
      return waiting !== undefined;
    }
    const name = keptReplyOf(head.message.replyTo);
    if (name === undefined) return true;
    const key = replyRowKey(name);
    const [reply] = await connection.read([key]);
    writeSet.checks.push({ key, version: reply?.version });
    const { status, cancellation } = reply && replies.statusOf(reply.value) || {};
    return status !== "done" && cancellation === undefined; // a letter that is sent again has failed before
  }
}

/** The key of the row in which an actor waits for the reply to a message; nothing if none does. */
function expectedRow({ expected }: OutboxHead): string | undefined {
  return expected === undefined || timeOfReplyName(expected.name) !== undefined
    ? undefined
    : expectKey(expected.name);
}

function bytesOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, { value }) => sum + value.length, 0);
}

/** A row; if it cannot be read, it has the whole row as its payload. */
function readRow({ key, version, value }: Entry, lane: string): Row {
  const stored = { key, version, bytes: value.length };
  try {
    const { head, text } = decodeValue<OutboxHead>(value);
    return { ...stored, head, text, parcel: parcelOf(head, text) };
  } catch (error) {
    const id = lastPart(key);
    const head: OutboxHead = {
      to: { protocol: Remote.arrive.protocol, key: lane },
      message: { id, operation: unreadableName, via: "" },
      mode: "tell",
      sender: "",
      atMs: 0,
    };
    const text = JSON.stringify(decoder.decode(value));
    return { ...stored, head, text, parcel: undefined, fault: `its row cannot be read: ${messageOf(error)}` };
  }
}

/** The payload for a dead letter; `undefined` if its text cannot be read. */
function payloadOf(text: string): unknown {
  return guarded(() => fromText(text), undefined);
}
