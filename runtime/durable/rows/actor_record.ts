import type { Actor } from "../../language/actor.ts";
import type { ActorId } from "../../language/address.ts";
import { messageOf } from "../../base/errors.ts";
import type { Entry, StoreConnection } from "../../ports/store.ts";
import { erasedKey, recordKey } from "./keys.ts";
import type { ScheduleSummaries } from "./schedule_row.ts";
import { decodeValue, fromText } from "./value_codec.ts";

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
  /** How long that was to be then, in milliseconds: nobody waits for longer, whatever the clocks say. */
  readonly afterMs?: number | undefined;
}

/** What is written of an actor besides its state. */
export interface RecordHead {
  /** Names the turn that wrote it: tells whether an uncertain commit landed. */
  readonly turn: string;
  /** The latest turn of each other instance before it, the latest first; at most 3. */
  readonly before?: readonly string[] | undefined;
  /** The time of the latest place that it gave to a message it sent, in microseconds. */
  readonly clock: number;
  /** The version of the state's form; absent where it has no state. */
  readonly schema?: number | undefined;
  readonly retry?: RetryHead | undefined;
  readonly schedules?: ScheduleSummaries | undefined;
}

/** How many instances are known whose turns were the latest. */
const turnsMax = 4;

/** The latest turns before a new one: an instance never begins another before it knows what became of its last. */
export function turnsBefore({ turn, before }: RecordHead, instance: string): readonly string[] | undefined {
  if (turn === "" || (before === undefined && isOf(turn, instance))) return undefined;
  const others = [turn, ...before ?? []].filter((token) => !isOf(token, instance));
  return others.length === 0 ? undefined : others.slice(0, turnsMax - 1);
}

/**
 * Whether a record may hide a turn of an instance that is not in it, and that began from another record: others may
 * have been so many since that its name is gone.
 */
export function mayHide({ turn, before = [] }: RecordHead, instance: string, began: RecordHead): boolean {
  const turns = [turn, ...before];
  return turns.length === turnsMax && !turns.includes(began.turn) &&
    !turns.some((token) => isOf(token, instance));
}

function isOf(token: string, instance: string): boolean {
  return token.length > instance.length && token.startsWith(instance) && token[instance.length] === "-";
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
  /** Why its row cannot be read; absent where it can. Such a row is never written over, unless its actor is erased. */
  readonly fault: string | undefined;

  constructor(
    head: RecordHead,
    text: string | undefined,
    version: string | undefined,
    bytes: number,
    fault?: string,
  ) {
    this.fault = fault;
    this.head = head;
    this.text = text;
    this.version = version;
    this.bytes = bytes;
  }

  /** The state that it says, for this program. Throws if `state` or `migrate` does, or if it cannot be read. */
  stateFor(actor: Pick<Actor, "state" | "stateVersion" | "migrate">): unknown {
    const { schema } = this.head;
    if (this.fault !== undefined) throw new Error(this.fault);
    if (this.text === undefined || schema === undefined) return actor.state();
    const stored = fromText(this.text);
    return schema === actor.stateVersion ? stored : actor.migrate(stored, schema);
  }

  /** Whether a program has written its state that has a later version of its form. */
  isNewerThan(stateVersion: number): boolean {
    return (this.head.schema ?? 0) > stateVersion;
  }

  /** How it is in the store; absent where it is not: nothing was committed, or it was erased. */
  get storedVersion(): string | undefined {
    return this.bytes === 0 ? undefined : this.version;
  }

  /** Reads it. Of an actor that was erased the last turn and its time are known for a while. */
  static async read(connection: StoreConnection, actor: ActorId): Promise<ActorRecord> {
    const [stored, erased] = await connection.read([recordKey(actor), erasedKey(actor)]);
    if (stored !== undefined || erased === undefined) return ActorRecord.of(stored);
    const { head, fault } = ActorRecord.of(erased);
    return fault === undefined
      ? new ActorRecord(head, undefined, erased.version, 0)
      : ActorRecord.of(undefined);
  }

  /** What was read under its key. */
  static of(stored: Entry | undefined): ActorRecord {
    if (stored === undefined) return new ActorRecord({ turn: "", clock: 0 }, undefined, undefined, 0);
    const { value, version } = stored;
    try {
      const { head, text } = decodeValue<RecordHead>(value);
      if (typeof head.turn !== "string" || typeof head.clock !== "number") {
        throw new TypeError("it is no record");
      }
      return new ActorRecord(head, head.schema === undefined ? undefined : text, version, value.length);
    } catch (error) {
      const fault = `its record cannot be read: ${messageOf(error)}`;
      return new ActorRecord({ turn: "", clock: 0 }, undefined, version, value.length, fault);
    }
  }

  /** The same once a commit of that version has landed. */
  committed(version: string): ActorRecord {
    if (this.fault !== undefined) return this; // it was not written
    return new ActorRecord(this.head, this.text, version, this.bytes);
  }
}
