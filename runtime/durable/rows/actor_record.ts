import type { Actor } from "../../language/actor.ts";
import type { ActorId } from "../../language/address.ts";
import { messageOf } from "../../base/errors.ts";
import { isThenable } from "../../base/thenable.ts";
import type { Entry, StoreConnection } from "../../ports/store.ts";
import { erasedKey, recordKey } from "./keys.ts";
import type { ScheduleSummaries } from "./schedule_row.ts";
import { decodeValue, fromText } from "./value_codec.ts";

/** The retry of the message at the head: it has failed, or its handler ran when the process ended. */
export interface RetryHead {
  /** The position of the message at the head of the mailbox. */
  readonly place: string;
  /** How many attempts count: those that failed, and those whose process crashed. */
  readonly attempts: number;
  /**
   * The instance that runs the last of these attempts; absent if that attempt has failed. The attempt counts only if
   * that instance crashes. As long as the instance lives, others leave the actor alone.
   */
  readonly by?: string | undefined;
  /** When to try again, in milliseconds since 1970. */
  readonly notBeforeMs: number;
  /** The delay that was meant, in milliseconds: nobody waits for longer, whatever the clocks say. */
  readonly afterMs?: number | undefined;
  /** The error of the last attempt in words, for people; absent if that attempt has not failed. */
  readonly error?: string | undefined;
}

/** The part of an actor's record besides its state. */
export interface RecordHead {
  /** The name of the turn that wrote the record: it tells whether an uncertain commit landed. */
  readonly turn: string;
  /** The last turn of each other instance before that, the latest first; at most 3. */
  readonly before?: readonly string[] | undefined;
  /** The time in the position of the last message that the actor sent, in microseconds. */
  readonly clock: number;
  /** The `stateVersion` of the program that wrote the state; absent if there is no state. */
  readonly schema?: number | undefined;
  readonly retry?: RetryHead | undefined;
  readonly schedules?: ScheduleSummaries | undefined;
}

/** How many instances a record names by their last turns. */
const turnsMax = 4;

/** The `before` of a new turn. An instance never begins a turn before it knows the outcome of its last. */
export function turnsBefore({ turn, before }: RecordHead, instance: string): readonly string[] | undefined {
  if (turn === "" || (before === undefined && isOf(turn, instance))) return undefined;
  const others = [turn, ...before ?? []].filter((token) => !isOf(token, instance));
  return others.length === 0 ? undefined : others.slice(0, turnsMax - 1);
}

/**
 * Whether a turn of an instance may have landed although the record does not name it: so many other instances may have
 * written the record since then that it names this one no more. `began` is the record that the turn began from.
 */
export function mayHide({ turn, before = [] }: RecordHead, instance: string, began: RecordHead): boolean {
  const turns = [turn, ...before];
  return turns.length === turnsMax && !turns.includes(began.turn) &&
    !turns.some((token) => isOf(token, instance));
}

function isOf(token: string, instance: string): boolean {
  return token.length > instance.length && token.startsWith(instance) && token[instance.length] === "-";
}

/** An actor as the store has it: its state, and the version that each turn checks. */
export class ActorRecord {
  readonly head: RecordHead;
  /** The state as text; absent if nothing was committed. */
  readonly text: string | undefined;
  /** The version of the commit that wrote it; absent if there was none. */
  readonly version: string | undefined;
  /** How large its row is; 0 if there is none. */
  readonly bytes: number;
  /** Why its row cannot be read; absent if it can. A turn never overwrites such a row, unless it erases the actor. */
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

  /**
   * The state for this program. Throws if `state` or `migrate` throws, if `migrate` gives a promise, or if the record cannot
   * be read.
   */
  stateFor(actor: Pick<Actor, "state" | "stateVersion" | "migrate">): unknown {
    const { schema } = this.head;
    if (this.fault !== undefined) throw new Error(this.fault);
    if (this.text === undefined || schema === undefined) return actor.state();
    const stored = fromText(this.text);
    if (schema === actor.stateVersion) return stored;
    const migrated = actor.migrate(stored, schema);
    if (!isThenable(migrated)) return migrated;
    // A handler that spreads a promise would lose the stored state without a word.
    Promise.resolve(migrated).catch(() => {}); // nobody waits for it
    throw new TypeError("Cannot migrate the state: migrate must return the new state, not a promise");
  }

  /** Whether a program with a later `stateVersion` wrote the state. */
  isNewerThan(stateVersion: number): boolean {
    return (this.head.schema ?? 0) > stateVersion;
  }

  /** The version of its row; absent if it has none: nothing was committed, or the actor was erased. */
  get storedVersion(): string | undefined {
    return this.bytes === 0 ? undefined : this.version;
  }

  /** Reads the record. Of an erased actor, the last turn and the time of its last message are kept for a while. */
  static async read(connection: StoreConnection, actor: ActorId): Promise<ActorRecord> {
    const [stored, erased] = await connection.read([recordKey(actor), erasedKey(actor)]);
    if (stored !== undefined || erased === undefined) return ActorRecord.of(stored);
    const { head, fault } = ActorRecord.of(erased);
    return fault === undefined
      ? new ActorRecord(head, undefined, erased.version, 0)
      : ActorRecord.of(undefined);
  }

  /** The record in a row. */
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

  /** The same record with the version of the commit that wrote it. */
  committed(version: string): ActorRecord {
    if (this.fault !== undefined) return this; // it was not written
    return new ActorRecord(this.head, this.text, version, this.bytes);
  }
}
