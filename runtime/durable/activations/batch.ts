import type { Check, Put } from "../../ports/store.ts";
import { type CommitSize, fits, requireFits, sizeOfCommit, sum } from "../../ports/commit_size.ts";
import { WriteSet } from "../commits/write_set.ts";
import { erasedKey, recordKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { DurableMember } from "./durable_member.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import type { ScheduleSummaries } from "../rows/schedule_row.ts";
import { ActorRecord, type RecordHead, type RetryHead, turnsBefore } from "../rows/actor_record.ts";
import { jsonToText, toText } from "../rows/value_codec.ts";

/** How long the last turn of an erased actor is kept, after its time has passed by the slowest of all clocks. */
const erasedKeepMs = 300_000;
/** How far its time may be ahead: one that is further ahead is of a wrong clock, and is not waited for. */
const erasedAheadMaxMs = 86_400_000;
const nothing: CommitSize = { checks: 0, writes: 0, bytes: 0, keysBytes: 0 };
/** The share of a commit that messages may take; the rest is for the state. */
const share = 0.5;

/** Turns of one actor that commit together. Each sees the state of the one before; others see none before the commit. */
export class Batch {
  readonly #actor: DurableMember;
  readonly #session: StoreSession;
  /** The actor as it was committed when the batch began. */
  readonly #record: ActorRecord;
  /** Its writes. Those of the first message are taken as they are: most batches have no other. */
  #writeSet: WriteSet | undefined = undefined;
  /** The size of its writes, without those of the record. */
  #size = nothing;
  /** How many messages it takes from the head of the mailbox. */
  taken = 0;
  /** Whether the next message had a turn too, and stays for another. */
  goesOn = false;
  /** The asks among them. */
  readonly asks: QueuedMessage[] = [];
  /** The messages that it accepts. */
  readonly direct: QueuedMessage[] = [];
  /** The most that these add, besides the writes of their turns. */
  #forDirect = nothing;
  /** The one of them that stays in the mailbox. */
  kept: QueuedMessage | undefined = undefined;
  /** Whether it makes a dead letter of a message that could not be committed. */
  refuses = false;
  state: unknown;
  #changed = false;
  /** Whether JSON is known to give the state back: no handler has run since that was checked. */
  #json = false;
  /** Whether it erases the actor. */
  erased = false;
  /** Whether the actor leaves memory once it is committed. */
  passivates = false;
  /** Why the actor has stopped, and its messages become dead letters; absent if that is handled. */
  stopped: string | undefined;
  /** Whether it only counts an attempt before that begins. */
  countsTrial = false;
  #retry: RetryHead | undefined;
  #schedules: ScheduleSummaries | undefined;

  /** Begins with the actor as it is. */
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

  /** How many turns it has. */
  get turns(): number {
    return this.taken + (this.goesOn || this.kept?.direct !== undefined ? 1 : 0);
  }

  /** The actor's schedules. */
  get schedules(): ScheduleSummaries {
    return this.#schedules ?? {};
  }

  /** The actor's schedules before the batch. */
  get committedSchedules(): ScheduleSummaries {
    return this.#record.head.schedules ?? {};
  }

  /** Whether it writes nothing: the commit only has to check that the state is still this one. */
  get readsOnly(): boolean {
    return !this.#changed && !this.erased && (this.#writeSet === undefined || isEmpty(this.#writeSet)) &&
      this.#retry === this.#record.head.retry && this.#schedules === this.#record.head.schedules;
  }

  /** Takes a message with the writes of its turn, unless it is not the first and has no room in one commit. */
  takeWhereRoom(mail: QueuedMessage, writeSet: WriteSet, again: boolean): boolean {
    this.touch();
    this.#remove(mail, writeSet, again);
    const size = this.#with(writeSet);
    const { checks, writes, bytes, keysBytes } = this.#withDirect(mail, size);
    const ofRecord = this.#checks().length;
    const withRecord = { checks: checks + ofRecord, writes: writes + 1, bytes: bytes / share, keysBytes };
    if (this.taken > 0 && !fits(withRecord, this.#session.traits.limits)) return false;
    this.#take(mail, writeSet, size, again);
    return true;
  }

  /** Takes a message with the writes of its turn. */
  take(mail: QueuedMessage, writeSet: WriteSet): void {
    this.touch();
    this.#remove(mail, writeSet, false);
    this.#take(mail, writeSet, this.#with(writeSet), false);
  }

  /** Adds writes. The caller must not change them afterwards. */
  add(writeSet: WriteSet): void {
    this.#add(writeSet, this.#with(writeSet));
  }

  /** Sets the state, which the caller has checked; `json` says whether JSON gives it back. */
  change(state: unknown, json = false): void {
    this.state = state;
    this.#changed = true;
    this.#json = json;
    this.erased = false;
  }

  /** A handler may have run since the state was checked, and may have mutated it. */
  touch(): void {
    this.#json = false;
  }

  /** Erases the actor: the batch takes no further message. */
  erase(): void {
    this.state = undefined;
    this.#changed = false;
    this.erased = true;
    this.#schedules = undefined;
  }

  /** If the actor has no state, and no message of the batch has given it one, nothing is left of it. */
  eraseIfEmpty(): void {
    const { text, fault } = this.#record;
    if (text === undefined && fault === undefined && !this.#changed && this.#schedules === undefined) {
      this.erased = true; // the state stays the initial one, for messages behind
    }
  }

  /** Checks that a message still waits, unchanged. */
  whereWaits({ key, version }: QueuedMessage): void {
    if (key === undefined) return;
    const writeSet = new WriteSet();
    writeSet.checks.push({ key, version });
    this.add(writeSet);
  }

  /** Accepts a message that stays at the head of the mailbox. */
  keep(mail: QueuedMessage): void {
    this.direct.push(mail);
    this.kept = mail;
  }

  /** Whether it writes that key. */
  writes(key: string): boolean {
    return this.#writeSet?.writes.some((write) => write.key === key) === true;
  }

  /** Removes a message from the store that was not there when the batch took it. */
  remove(mail: QueuedMessage): void {
    const writeSet = new WriteSet();
    this.#remove(mail, writeSet, false);
    this.add(writeSet);
  }

  /** Sets the retry of the message at the head. */
  retry(retry: RetryHead): void {
    this.touch();
    this.#retry = retry;
  }

  /** Sets the actor's schedules. */
  schedule(plans: ScheduleSummaries): void {
    this.#schedules = Object.keys(plans).length === 0 ? undefined : plans;
  }

  /** Calls a function once it is committed. */
  after(follow: () => void): void {
    (this.#writeSet ??= new WriteSet()).after(follow);
  }

  /**
   * The writes to commit, and the record after the commit, still with its old version. Throws a `TooLargeError` if one
   * commit cannot take them.
   */
  seal(
    token: string,
  ): { readonly writeSet: WriteSet; readonly record: ActorRecord; readonly size: CommitSize } {
    const record = this.#record;
    const actor = this.#actor;
    const { stateVersion } = actor.host.actor;
    const key = recordKey(actor);
    const textOf = this.#json ? jsonToText : toText;
    const text = this.erased ? undefined : this.#changed ? textOf(this.state) : record.text;
    const head: RecordHead = {
      turn: token,
      before: turnsBefore(record.head, this.#session.instance),
      clock: Math.max(record.head.clock, this.#session.timestampMicros),
      schema: text === undefined ? undefined : this.#changed ? stateVersion : record.head.schema,
      retry: this.#retry,
      schedules: this.#schedules,
    };
    const value = this.#session.encoder.encode(head, text ?? "");
    const checks = this.#checks();
    const fault = this.erased ? undefined : record.fault;
    // A record that cannot be read is not overwritten: another program may be able to read it.
    const kept = fault === undefined ? [{ key, value, oldBytes: record.bytes }] : [];
    const writes = this.erased ? [this.#erasure(value, head.clock)] : kept;
    const removals = this.erased && record.bytes > 0 ? [{ key, oldBytes: record.bytes }] : [];
    const { limits } = this.#session.traits;
    const size = sum(this.#size, sizeOfCommit({ checks, writes, removals }, limits));
    if (this.#retry?.error !== undefined && !fits(size, limits)) { // no turn is refused for the words of an error
      this.#retry = { ...this.#retry, error: undefined };
      return this.seal(token);
    }
    const writeSet = this.#writeSet ??= new WriteSet();
    writeSet.checks.push(...checks);
    writeSet.writes.push(...writes);
    writeSet.removals.push(...removals);
    requireFits(actor, size, limits);
    const bytes = this.erased ? 0 : fault === undefined ? value.length : record.bytes;
    return { writeSet, size, record: new ActorRecord(head, text, record.version, bytes, fault) };
  }

  /**
   * The record is the one from which the batch began. That there is none holds again once the actor has been erased, and a
   * commit of unknown outcome may land long after it was tried again: so what is kept of its last life is the same, too.
   */
  #checks(): Check[] {
    const { storedVersion, version } = this.#record;
    const check = { key: recordKey(this.#actor), version: storedVersion };
    if (storedVersion !== undefined || !this.#session.traits.unknownOutcomes) return [check];
    return [check, { key: erasedKey(this.#actor), version }];
  }

  /**
   * An erased actor leaves nothing for good. For a while the store keeps its last turn, which tells whether an uncertain
   * commit landed, and the time of its last message: messages of its next life come behind that, also if an instance with
   * a slower clock sends them.
   */
  #erasure(value: Uint8Array, timestampMicros: number): Put {
    const nowMs = this.#session.clock.now();
    const aheadMs = Math.min(Math.max(timestampMicros / 1_000 - nowMs, 0), erasedAheadMaxMs);
    return { key: erasedKey(this.#actor), value, expiresAtMs: nowMs + aheadMs + erasedKeepMs };
  }

  /** The commit of a batch that writes nothing: it checks that the state is still this one. */
  fence(): WriteSet {
    const writeSet = this.#writeSet ??= new WriteSet();
    writeSet.checks.push({ key: recordKey(this.#actor), version: this.#record.storedVersion });
    return writeSet;
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

  /** A size plus the most that the accepted messages add. */
  #withDirect({ direct }: QueuedMessage, size: CommitSize): CommitSize {
    if (this.direct.length === 0 && direct === undefined) return size;
    return sum(sum(size, this.#forDirect), direct ?? nothing);
  }

  /** Its size with these writes. */
  #with(writeSet: WriteSet): CommitSize {
    return isEmpty(writeSet)
      ? this.#size
      : sum(this.#size, sizeOfCommit(writeSet, this.#session.traits.limits));
  }
}

function isEmpty({ checks, writes, removals }: WriteSet): boolean {
  return checks.length + writes.length + removals.length === 0;
}
