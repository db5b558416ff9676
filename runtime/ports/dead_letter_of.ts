import { shorten } from "../base/shorten.ts";
import { payloadOf } from "../messages/builtin_protocols.ts";
import type { Envelope } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import { type DeadLetter, wordsMax } from "./dead_letters.ts";

/** The dead letter of a message that will not be delivered. */
export function deadLetterOf(
  envelope: Envelope,
  ids: Ids,
  { reason, message, atMs }: Pick<DeadLetter, "reason" | "message" | "atMs">,
): DeadLetter {
  return {
    id: ids.text(envelope.id),
    protocol: envelope.operation.protocol,
    key: envelope.key,
    operation: envelope.operation.name,
    payload: payloadOf(envelope),
    reason,
    message: shorten(message, wordsMax),
    attempts: envelope.attempts,
    atMs,
  };
}
