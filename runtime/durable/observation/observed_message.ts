import { shorten } from "../../base/shorten.ts";
import type { ActorId } from "../../language/address.ts";
import type { Count, ObservedMessage, ObservedRetry } from "../../ports/observation.ts";
import type { RetryHead } from "../rows/actor_record.ts";
import { mailPrefix } from "../rows/keys.ts";
import { QueuedMessage } from "../rows/queued_message.ts";
import type { RowReader } from "./row_reader.ts";

const payloadUnitsMax = 4_000;

/** The retry of a message: as the record of its actor has it, or, if it stepped aside, as it has it itself. */
export function retryOf(
  { head, place }: QueuedMessage,
  inRecord: RetryHead | undefined,
): ObservedRetry | undefined {
  const { attempts = 0, notBeforeMs, error, by }: Partial<RetryHead> = inRecord?.place === place
    ? inRecord
    : head;
  if (typeof attempts !== "number" || !(attempts > 0)) return undefined;
  return {
    attempts,
    ...by === undefined && typeof notBeforeMs === "number" && { nextMs: notBeforeMs },
    ...typeof error === "string" && { error },
  };
}

/** A message in the mailbox of an actor. `retry` is what the record of the actor says of the first one. */
export function observedMessage(
  mail: QueuedMessage,
  retry: RetryHead | undefined,
): ObservedMessage {
  const { head: { id, operation, causationId, correlationId = id, headers, deadlineMs }, fault } = mail;
  const failed = retryOf(mail, retry);
  const { acceptedMs } = mail;
  return {
    id,
    operation,
    ...acceptedMs !== undefined && { acceptedMs },
    ...causationId !== undefined && { causationId },
    correlationId,
    payload: shorten(mail.text, payloadUnitsMax),
    ...headers !== undefined && { headers },
    ...deadlineMs !== undefined && { deadlineMs },
    ...failed !== undefined && { retry: failed },
    ...fault !== undefined && { fault },
  };
}

/** The messages of one actor together. */
export interface ObservedMailbox {
  readonly waiting: Count;
  readonly oldestMs: number | undefined;
  readonly first: readonly QueuedMessage[];
}

/** Counts the messages of an actor, and keeps the first of them. */
export async function mailboxOf(
  reader: RowReader,
  actor: ActorId,
  most: number,
  firstMost: number,
): Promise<ObservedMailbox> {
  const prefix = mailPrefix(actor);
  const first: QueuedMessage[] = [];
  let oldestMs: number | undefined;
  const waiting = await reader.count(prefix, most, (row) => {
    const mail = QueuedMessage.of(row, prefix);
    const acceptedMs = mail.acceptedMs ?? Infinity;
    if (acceptedMs < (oldestMs ?? Infinity)) oldestMs = acceptedMs;
    if (first.length < firstMost) first.push(mail);
  });
  return { waiting, oldestMs, first };
}
