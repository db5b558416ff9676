import { fingerprint } from "../base/fingerprint.ts";
import { guarded } from "../base/guarded.ts";
import { encodeName, markKey } from "../durable/rows/keys.ts";
import type { Channel, Tenure } from "../ports/transport.ts";
import type { Meaning } from "./meaning.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { channelName } from "./source_row.ts";

/** A longer key is replaced by hashes: any store takes keys of that length, and names of senders have no bound. */
const keyUnitsMax = 1_000;
const decoder = new TextDecoder();

/**
 * The key of the row by which repeats of a message are recognised; `undefined` if nothing names it. It contains who sent
 * it, to whom, what, its id and a hash of its body: who forges the name of another sender and guesses an id cannot make
 * this service leave out a message of that sender, unless it is the same message.
 */
export function messageMark(message: ReceivedMessage, channel: Channel): string | undefined {
  const { givenId, sender, delivery: { key, operation = "", correlationId, body } } = message;
  const isReply = channel.kind !== "event" && operation === "" && correlationId !== undefined;
  const id = givenId ?? (isReply ? `reply ${correlationId}` : undefined); // a stranger's reply is named by its request
  if (id === undefined) return undefined;
  const print = fingerprint(guarded(() => decoder.decode(body), ""));
  const parts = [`from ${sender}`, channelName(channel), key, operation, correlationId ?? "", id, print];
  const name = parts.map(encodeName).join("\n");
  if (name.length <= keyUnitsMax) return markKey(name);
  const [front, back] = [name.slice(0, name.length >> 1), name.slice(name.length >> 1)];
  return markKey(`remote\n${[name, front, back].map(fingerprint).join("\n")}`);
}

/**
 * Whether a message cannot come again, so that it needs no mark and no commit: an ask that a broker of logs keeps in none.
 * Each process of a service is handed a share of them.
 */
export function comesOnce(meaning: Meaning, { epoch }: Tenure, reads: "queue" | "log"): boolean {
  const isAsk = meaning.kind === "ask" || (meaning.kind === "refused" && meaning.asked);
  return isAsk && reads === "log" && epoch === undefined;
}
