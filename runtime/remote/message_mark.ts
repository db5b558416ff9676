import { fingerprint } from "../base/fingerprint.ts";
import { guarded } from "../base/guarded.ts";
import type { StoreSession } from "../durable/commits/store_session.ts";
import type { AcceptanceMark } from "../durable/delivery/acceptance.ts";
import { encodeName, markKey } from "../durable/rows/keys.ts";
import { readableHead } from "../durable/rows/readable_head.ts";
import type { Entry } from "../ports/store.ts";
import type { Channel, Tenure } from "../ports/transport.ts";
import type { Meaning } from "./meaning.ts";
import { decoded, type ReceivedMessage } from "./received_message.ts";
import { channelName } from "./source_row.ts";
import { wireHeaders } from "./wire.ts";

/** Any store takes keys of that length, and what senders call themselves has no bound. */
const nameUnitsMax = 1_000;
const decoder = new TextDecoder();

/**
 * The key of the row by which repeats of a message are recognised; `undefined` if nothing names it. It contains who sent
 * it, to whom, what, its id and a hash of its body: who forges the name of another sender and guesses an id cannot make
 * this service leave out a message of that sender, unless it is the same message.
 */
export function messageMark(message: ReceivedMessage, channel: Channel): string | undefined {
  const { givenId, sender, delivery: { key, operation = "", correlationId = "", body } } = message;
  const isReply = channel.kind !== "event" && operation === "" && correlationId !== "";
  const id = givenId ?? (isReply ? `reply ${correlationId}` : undefined); // a stranger's reply is named by its request
  if (id === undefined) return undefined;
  return markOfParts({ sender, channel, key, operation, correlationId, id, print: printOf(body) });
}

/** A hash of the body of a message. */
export function printOf(body: Uint8Array): string {
  return fingerprint(guarded(() => decoder.decode(body), ""));
}

/** The key of the row by which repeats of a request are recognised; `cancel` is the message that takes it back. */
export function markOfCancelled(cancel: ReceivedMessage, channel: Channel): string {
  const { sender, delivery: { key, correlationId = "", headers } } = cancel;
  const id = `id ${decoded(headers[wireHeaders.cancelId] ?? "")}`;
  const print = headers[wireHeaders.cancelBody] ?? "";
  return markOfParts({
    sender,
    channel,
    key,
    operation: headers[wireHeaders.cancel],
    correlationId,
    id,
    print,
  });
}

function markOfParts({ sender, channel, key, operation, correlationId, id, print }: {
  readonly sender: string;
  readonly channel: Channel;
  readonly key: string;
  readonly operation: string;
  readonly correlationId: string;
  readonly id: string;
  readonly print: string;
}): string {
  const parts = [`from ${sender}`, channelName(channel), key, operation, correlationId, id, print];
  return markKey(boundedName(parts.map(encodeName).join("\n")));
}

/** A name that strangers make up, in at most 1,000 characters: hashes stand for a longer one. */
export function boundedName(name: string): string {
  if (name.length <= nameUnitsMax) return name;
  const [front, back] = [name.slice(0, name.length >> 1), name.slice(name.length >> 1)];
  return `remote\n${[name, front, back].map(fingerprint).join("\n")}`;
}

/**
 * Whether a message cannot come again, so that it needs no mark and no commit: an ask that its tenure hands over once, or
 * that a broker of logs keeps in none. Each process of a service is handed a share of them.
 */
export function comesOnce(meaning: Meaning, { epoch, once }: Tenure, reads: "queue" | "log"): boolean {
  const isAsk = meaning.kind === "ask" || (meaning.kind === "refused" && meaning.asked);
  return isAsk && (once === true || (reads === "log" && epoch === undefined));
}

/** Whether a mark says that its message was accepted before. One that cannot be read does. */
export function isKnown(session: StoreSession, stored: Entry | undefined): boolean {
  if (stored === undefined) return false;
  const mark = readableHead<AcceptanceMark>(stored.value);
  return mark === undefined || !session.isOver(mark.untilMs);
}
