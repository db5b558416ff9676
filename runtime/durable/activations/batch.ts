import type { AtomicPart, Check } from "../../ports/store.ts";
import { type CommitSize, fits, requireFits, sizeOfCommit, sum } from "../../ports/commit_size.ts";
import { WriteSet } from "../commits/write_set.ts";
import { erasedKey, recordKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { DurableMember } from "./durable_member.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import type { ScheduleSummaries } from "../rows/schedule_row.ts";
import { ActorRecord, type RecordHead, type RetryHead, turnsBefore } from "../rows/actor_record.ts";
import { jsonToText, toText } from "../rows/value_codec.ts";

const forRecord: CommitSize = { checks: 1, writes: 1, bytes: 0, keysBytes: 0 };
/** How long the last turn of an actor that is erased is known, and its time after the slowest of all clocks has passed it. */
const erasedKeepMs = 300_000;
/** How far its time may be ahead to be waited for: one that is further ahead is from a clock that was wrong. */
const erasedAheadMaxMs = 86_400_000;
const nothing: CommitSize = { checks: 0, writes: 0, bytes: 0, keysBytes: 0 };
/** How much of a commit's room messages may take; the rest is for the state. */
const share = 0.5;

/** Turns of one actor that commit together: each sees what the one before left, and none is seen before all are there. */
export class Batch {
  readonly #actor: DurableMember;
  readonly #session: StoreSession;
  /** The actor as it was committed when the batch began. */
  readonly #record: ActorRecord;
  /** Those of the first message are taken as they are: most batches have no other. */
  #writeSet: WriteSet | undefined = undefined;
  /** Of all but the record, for which one check and one write are kept. */
  #size = forRecord;
  /** How many messages of the mailbox it takes, from its head. */
  taken = 0;
  /** Whether the next one had a turn as well, and stays: it goes on with another. */
  goesOn = false;
  /** Those among them that are asks: they are nowhere else. */
  readonly asks: QueuedMessage[] = [];
  /** Those that are to be accepted with it. */
  readonly direct: QueuedMessage[] = [];
  /** What these take at the most, besides what their turns do. */
  #forDirect = nothing;
  /** One of them that stays in the mailbox. */
  kept: QueuedMessage | undefined = undefined;
  /** Whether it makes a dead letter of a message that could not be committed. */
  refuses = false;
  state: unknown;
  #changed = false;
  /** Whether it is known that JSON gives its state back: no handler has run since that was looked at. */
  #json = false;
  /** Whether its state goes. */
  erased = false;
  /** Whether the actor is to leave memory once it is committed. */
  passivates = false;
  /** Why the actor has stopped, and its mail becomes dead letters; absent if that is handled. */
  stopped: string | undefined;
  /** Whether it only counts an attempt before that begins. */
  countsTrial = false;
  #retry: RetryHead | undefined;
  #schedules: ScheduleSummaries | undefined;

  /** It begins with the actor as it is. */
  constructor(actor: DurableMember) {
    const { record, state } = actor;
    this.#actor = actor;
    this.#session = actor.durable.session;
    this.#record = record;
    this.state = state;
    this.stopped = actor.stopped;
    this.#retry = record.head.retry;
    this.#schedules = record.head.schedules;
  }

  /** How many messages had a turn in it. */
  get turns(): number {
    return this.taken + (this.goesOn || this.kept?.direct !== undefined ? 1 : 0);
  }

  /** The actor's schedules. */
  get schedules(): ScheduleSummaries {
    return this.#schedules ?? {};
  }

  /** Its schedules before the batch. */
  get committedSchedules(): ScheduleSummaries {
    return this.#record.head.schedules ?? {};
  }

  /** Whether nothing would be written: whoever asked has only to know that the state is still this one. */
  get readsOnly(): boolean {
    return !this.#changed && !this.erased && (this.#writeSet === undefined || isEmpty(this.#writeSet)) &&
      this.#retry === this.#record.head.retry && this.#schedules === this.#record.head.schedules;
  }

  /** Takes a message out of the mailbox, with what came of it; unless it is not the first and there is no room for it. */
  takeWhereRoom(mail: QueuedMessage, writeSet: WriteSet, again: boolean): boolean {
    this.touch();
    this.#remove(mail, writeSet, again);
    const size = this.#with(writeSet);
    const { checks, writes, bytes, keysBytes } = this.#withDirect(mail, size);
    const twice = { checks, writes, bytes: bytes / share, keysBytes };
    if (this.taken > 0 && !fits(twice, this.#session.traits.limits)) return false;
    this.#take(mail, writeSet, size, again);
    return true;
  }

  /** Takes a message out of the mailbox, with what came of it. */
  take(mail: QueuedMessage, writeSet: WriteSet): void {
    this.touch();
    this.#remove(mail, writeSet, false);
    this.#take(mail, writeSet, this.#with(writeSet), false);
  }

  /** Does that too. Whoever gives it has no more to say to it. */
  add(writeSet: WriteSet): void {
    this.#add(writeSet, this.#with(writeSet));
  }

  /** Its state becomes another: one that was looked at, of which `json` says whether JSON gives it back. */
  change(state: unknown, json = false): void {
    this.state = state;
    this.#changed = true;
    this.#json = json;
    this.erased = false;
  }

  /** A handler has run since its state was looked at, or may have: it may have changed what it had in its hands. */
  touch(): void {
    this.#json = false;
  }

  /** Its state goes: nobody handles anything behind that in this batch. */
  erase(): void {
    this.state = undefined;
    this.#changed = false;
    this.erased = true;
    this.#schedules = undefined;
  }

  /** All of it is for a message that must still wait as it was read. */
  whereWaits({ key, version }: QueuedMessage): void {
    if (key === undefined) return;
    const writeSet = new WriteSet();
    writeSet.checks.push({ key, version });
    this.add(writeSet);
  }

  /** A message that is in no store yet stays at the head of the mailbox. */
  keep(mail: QueuedMessage): void {
    this.direct.push(mail);
    this.kept = mail;
  }

  /** Whether it writes that key. */
  writes(key: string): boolean {
    return this.#writeSet?.writes.some((write) => write.key === key) === true;
  }

  /** Takes a message out of the store that was in none when it took it. */
  remove(mail: QueuedMessage): void {
    const writeSet = new WriteSet();
    this.#remove(mail, writeSet, false);
    this.add(writeSet);
  }

  /** The message at the head is tried again later. */
  retry(retry: RetryHead): void {
    this.touch();
    this.#retry = retry;
  }

  /** Its schedules become others. */
  schedule(plans: ScheduleSummaries): void {
    this.#schedules = Object.keys(plans).length === 0 ? undefined : plans;
  }

  /** Does something once it is committed. */
  after(follow: () => void): void {
    (this.#writeSet ??= new WriteSet()).after(follow);
  }

  /**
   * What to commit, and what the record is then but for its version. Throws a `TooLargeError` when one commit cannot
   * take it.
   */
  seal(
    token: string,
  ): { readonly writeSet: WriteSet; readonly record: ActorRecord; readonly size: CommitSize } {
    const record = this.#record;
    const actor = this.#actor;
    const { stateVersion } = actor.host.actor;
    const key = recordKey(actor);
    const text = this.erased ? undefined : this.#changed ? this.#text() : record.text;
    const head: RecordHead = {
      turn: token,
      before: turnsBefore(record.head, this.#session.instance),
      clock: Math.max(record.head.clock, this.#session.timestampMicros),
      schema: text === undefined ? undefined : this.#changed ? stateVersion : record.head.schema,
      retry: this.#retry,
      schedules: this.#schedules,
    };
    const value = this.#session.encoder.encode(head, text ?? "");
    const check: Check = { key, version: record.storedVersion };
    const fault = this.erased ? undefined : record.fault;
    // What cannot be read is not written: another program may be able to read it.
    const writes = fault === undefined ? [{ key, value, oldBytes: record.bytes }] : [];
    const written: AtomicPart = this.erased
      ? this.#erasure(value, head.clock)
      : { checks: [], writes, removals: [] };
    const { limits } = this.#session.traits;
    const whole = sum(this.#size, sizeOfCommit({ ...written, checks: [check] }, limits));
    const size = {
      ...whole,
      checks: whole.checks - forRecord.checks,
      writes: whole.writes - forRecord.writes,
    };
    const writeSet = this.#writeSet ??= new WriteSet();
    writeSet.checks.push(check);
    writeSet.writes.push(...written.writes);
    writeSet.removals.push(...written.removals);
    requireFits(actor, size, limits);
    const bytes = this.erased ? 0 : fault === undefined ? value.length : record.bytes;
    return { writeSet, size, record: new ActorRecord(head, text, record.version, bytes, fault) };
  }

  /**
   * An actor that is erased leaves nothing for good. For a while it is known which turn that was, should nobody have heard
   * that it landed, and the time of its last message: the next it sends, in another life, must be behind, also where it
   * begins by a clock that is behind.
   */
  #erasure(value: Uint8Array, timestampMicros: number): AtomicPart {
    const actor = this.#actor;
    const { bytes } = this.#record;
    const nowMs = this.#session.clock.now();
    const aheadMs = Math.min(Math.max(timestampMicros / 1_000 - nowMs, 0), erasedAheadMaxMs);
    const expiresAtMs = nowMs + aheadMs + erasedKeepMs;
    return {
      checks: [],
      writes: [{ key: erasedKey(actor), value, expiresAtMs }],
      removals: bytes === 0 ? [] : [{ key: recordKey(actor), oldBytes: bytes }],
    };
  }

  /** What to commit where nothing is written: that the state is still this one. */
  fence(): WriteSet {
    const writeSet = this.#writeSet ??= new WriteSet();
    writeSet.checks.push({ key: recordKey(this.#actor), version: this.#record.storedVersion });
    return writeSet;
  }

  #text(): string {
    return this.#json ? jsonToText(this.state) : toText(this.state);
  }

  #remove(mail: QueuedMessage, writeSet: WriteSet, again: boolean): void {
    if (mail.key === undefined) return;
    writeSet.checks.push({ key: mail.key, version: mail.version });
    if (!again) writeSet.removeOnce(mail.key, mail.bytes);
  }

  #take(mail: QueuedMessage, writeSet: WriteSet, size: CommitSize, again: boolean): void {
    this.#add(writeSet, size);
    if (again) this.goesOn = true;
    else this.taken++;
    if (mail.replyTarget !== undefined) this.asks.push(mail);
    if (mail.direct !== undefined) {
      this.direct.push(mail);
      this.#forDirect = sum(this.#forDirect, mail.direct);
    }
    if (mail.key !== undefined && this.#retry?.place === mail.place) this.#retry = undefined;
  }

  #add(writeSet: WriteSet, size: CommitSize): void {
    this.#size = size;
    if (this.#writeSet === undefined) this.#writeSet = writeSet;
    else this.#writeSet.add(writeSet);
  }

  /** The same with what it takes at the most to accept messages. */
  #withDirect({ direct }: QueuedMessage, size: CommitSize): CommitSize {
    if (this.direct.length === 0 && direct === undefined) return size;
    return sum(sum(size, this.#forDirect), direct ?? nothing);
  }

  /** How large it is with that. */
  #with(writeSet: WriteSet): CommitSize {
    return isEmpty(writeSet)
      ? this.#size
      : sum(this.#size, sizeOfCommit(writeSet, this.#session.traits.limits));
  }
}

function isEmpty({ checks, writes, removals }: WriteSet): boolean {
  return checks.length + writes.length + removals.length === 0;
}
