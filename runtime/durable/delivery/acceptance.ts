import { fingerprint } from "../../base/fingerprint.ts";
import { IdConflictError, messageOf, PosthornError } from "../../base/errors.ts";
import { TooLargeError } from "../../base/store_errors.ts";
import type { Route } from "../../messages/envelope.ts";
import type { Entry, StoreTraits } from "../../ports/store.ts";
import { encodeName, markKey } from "../rows/keys.ts";
import type { WriteSet } from "../commits/write_set.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { readableHead } from "../rows/readable_head.ts";
import { decodeValue, encodeValue } from "../rows/value_codec.ts";

/** How a message was accepted. */
export interface Acceptance {
  /** Whether the message had been accepted before, so that nothing was done now. */
  readonly repeated: boolean;
  /** Where its reply is, if one is kept. */
  readonly ticket: string | undefined;
  /**
   * Its position in its mailbox; for a repeat, that of the first. Absent for an ask: it is in no store, so nobody can
   * refer to it.
   */
  readonly place: string | undefined;
}

/** The row which says that a message of that name was accepted (its deduplication entry). */
export interface AcceptanceMark {
  /** Identifies the send that was accepted. */
  readonly token: string;
  readonly fingerprint: string;
  /** Until when repeats are recognised, in milliseconds since 1970; absent if for ever. */
  readonly untilMs?: number | undefined;
  /** The key of the actor that answers the first, if its turn answered "later". */
  readonly later?: string | undefined;
  /** Where the reply to the first is. */
  readonly ticket?: string | undefined;
  /** The position of the first. */
  readonly place?: string | undefined;
  /** The key of its row, if it is a request of another service. */
  readonly mail?: string | undefined;
}

/** A message, and the name by which its repeats are recognised. */
export interface NamedMessage {
  readonly session: StoreSession;
  /** The key of its mark; absent if no repeat can come. */
  readonly mark: string | undefined;
  readonly payload: unknown;
  /** What errors call it. */
  readonly name: string;
  readonly id: string;
}

/** How long the store keeps a mark after its window has ended. */
const slackMs = 60_000;

/** The key of the mark of a message; absent if it has no name of its own and its commit is never tried again. */
export function markOf(
  { limits, unknownOutcomes }: StoreTraits,
  scope: string | undefined,
  name: string,
  id: string,
): string | undefined {
  if (scope === undefined) return unknownOutcomes ? markKey(`\n${id}`) : undefined;
  const key = markKey(`${encodeName(scope)}\n${name}\n${id}`);
  const bytes = new TextEncoder().encode(key).length;
  if (bytes > limits.keyBytes) throw new TooLargeError(name, "bytes of a key", bytes, limits.keyBytes);
  return key;
}

/** Writes that a message was accepted; `before` is the mark that it replaces. */
export function writeMark(writeSet: WriteSet, key: string, mark: AcceptanceMark, before?: Entry): void {
  const { untilMs } = mark;
  writeSet.checks.push({ key, version: before?.version });
  writeSet.write(key, encodeValue(mark, ""), { expiresAtMs: untilMs && untilMs + slackMs });
}

/** The mark of a message, if there is one. */
export async function storedMark({ session, mark }: NamedMessage): Promise<Entry | undefined> {
  return mark === undefined ? undefined : (await session.connection.read([mark]))[0];
}

/**
 * How a message of that name was accepted before, if it was. Rejects with an `IdConflictError` if that was another
 * message.
 */
export async function acceptedBefore(named: NamedMessage): Promise<Acceptance | undefined> {
  if (named.mark === undefined) return undefined;
  return firstOf(await storedMark(named), fingerprint(named.payload), named);
}

/**
 * What a mark says of the first message of that name; nothing if its window has ended. Throws an `IdConflictError` if
 * the first was another message.
 */
export function firstOf(
  stored: Entry | undefined,
  print: string,
  { session, id, name }: NamedMessage,
): Acceptance | undefined {
  const mark = stored && readMark(stored, id, name);
  if (mark === undefined || session.isOver(mark.untilMs)) return undefined;
  if (mark.fingerprint === print) return { repeated: true, ticket: mark.ticket, place: mark.place };
  const why = `the id ${JSON.stringify(id)} came before with another payload`;
  throw new IdConflictError(`Cannot accept ${name}: ${why}`);
}

/** Reads a mark. Throws a `PosthornError` (`failed`) if that is impossible: nobody knows then what was accepted. */
function readMark({ value }: Entry, id: string, name: string): AcceptanceMark {
  try {
    const mark = decodeValue<AcceptanceMark>(value).head;
    if (typeof mark.fingerprint !== "string") throw new TypeError("it is no mark");
    return mark;
  } catch (cause) {
    const why = `what the id ${JSON.stringify(id)} named before cannot be read: ${messageOf(cause)}`;
    throw new PosthornError("failed", `Cannot accept ${name}: ${why}`, { cause });
  }
}

/** Tells who sends a message its position, when it is accepted. */
export function tellingPlace({ extras }: Route, accepted: Promise<Acceptance>): Promise<Acceptance> {
  const onAccepted = extras?.onAccepted;
  if (onAccepted === undefined) return accepted;
  return accepted.then((acceptance) => {
    if (acceptance.place !== undefined) onAccepted(acceptance.place);
    return acceptance;
  });
}

/** The send that a mark names; nothing if it cannot be read. */
export function tokenOf({ value }: Entry): string | undefined {
  return readableHead<AcceptanceMark>(value)?.token; // no pending commit wrote a mark that cannot be read
}
