import type { ActorId } from "../address.ts";
import type { StoreConnection, Stored } from "../store.ts";
import { erasedKey, recordKey } from "./keys.ts";
import type { Plans } from "./plans.ts";
import { decodeValue } from "./stored_value.ts";

/** A message that is to be tried again, or that was running when its process ended. */
export interface RetryHead {
  /** The place of the message at the head of the mailbox. */
  readonly place: string;
  /** How many attempts have begun. */
  readonly attempts: number;
  /** When to try again, in milliseconds since 1970. */
  readonly notBeforeMs: number;
}

/** What is written of an actor besides its state. */
export interface RecordHead {
  /** Names the turn that wrote it: tells whether an uncertain commit landed. */
  readonly turn: string;
  /** The time of the latest place that it gave to a message it sent, in microseconds. */
  readonly clock: number;
  /** The version of the state's form; absent where it has no state. */
  readonly schema?: number | undefined;
  readonly retry?: RetryHead | undefined;
  readonly schedules?: Plans | undefined;
}

/** An actor as it is in the store: the fence of its turns, and its state. */
export class ActorRecord {
  readonly head: RecordHead;
  /** The state as text; absent where nothing was committed. */
  readonly text: string | undefined;
  /** The version of the commit that it was in; absent where there was none. */
  readonly version: string | undefined;
  /** How large it is in the store; 0 where it is not there. */
  readonly bytes: number;

  constructor(head: RecordHead, text: string | undefined, version: string | undefined, bytes: number) {
    this.head = head;
    this.text = text;
    this.version = version;
    this.bytes = bytes;
  }

  /** How it is in the store; absent where it is not: nothing was committed, or it was erased. */
  get storedVersion(): string | undefined {
    return this.bytes === 0 ? undefined : this.version;
  }

  /** Reads it. Of an actor that was erased the last turn and its time are known for a while. */
  static async read(connection: StoreConnection, actor: ActorId): Promise<ActorRecord> {
    const [stored, erased] = await connection.read([recordKey(actor), erasedKey(actor)]);
    if (stored !== undefined || erased === undefined) return ActorRecord.of(stored);
    return new ActorRecord(decodeValue<RecordHead>(erased.value).head, undefined, erased.version, 0);
  }

  /** What was read under its key. */
  static of(stored: Stored | undefined): ActorRecord {
    if (stored === undefined) return new ActorRecord({ turn: "", clock: 0 }, undefined, undefined, 0);
    const { head, text } = decodeValue<RecordHead>(stored.value);
    return new ActorRecord(
      head,
      head.schema === undefined ? undefined : text,
      stored.version,
      stored.value.length,
    );
  }
}
