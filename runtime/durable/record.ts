import type { Stored } from "../store.ts";
import { decodeValue } from "./stored_value.ts";

/** A message that is to be tried again, or that was running when its process ended. */
export interface RetryHead {
  /** The place of the message at the head of the mailbox. */
  readonly place: string;
  /** How many attempts have begun that count: those that failed, and those whose process ended without a word. */
  readonly attempts: number;
  /**
   * The instance whose attempt the last of them is, where it is under way; absent where that has failed. It counts only
   * if that instance ended without a word. While that lives, others leave the actor alone.
   */
  readonly by?: string | undefined;
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
  /** The names of its schedules. */
  readonly schedules?: readonly string[] | undefined;
}

/** An actor as it is in the store: the fence of its turns, and its state. */
export class ActorRecord {
  readonly head: RecordHead;
  /** The state as text; absent where nothing was committed. */
  readonly text: string | undefined;
  /** How it is in the store; absent where it is not. */
  readonly version: string | undefined;
  readonly bytes: number;

  constructor(head: RecordHead, text: string | undefined, version: string | undefined, bytes: number) {
    this.head = head;
    this.text = text;
    this.version = version;
    this.bytes = bytes;
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
