import type { Delivery, Receiver, Rejection, Tenure } from "../ports/transport.ts";
import type { Meaning } from "./meaning.ts";
import type { PendingReplies } from "./pending_replies.ts";
import type { ReceivedMessage } from "./received_message.ts";
import { wireHeaders } from "./wire.ts";

/** What a process receiver needs. */
export interface ProcessReceiverParts {
  readonly pending: PendingReplies;
  read(delivery: Delivery, tenure: Tenure): ReceivedMessage;
  meaningOf(message: ReceivedMessage): Meaning;
}

/**
 * Gives replies to the asks and surveys of this process that wait for them. One for which nobody waits is dropped: its
 * asker's time was up, or its asker has answered.
 */
export class ProcessReceiver implements Receiver {
  readonly #parts: ProcessReceiverParts;

  constructor(parts: ProcessReceiverParts) {
    this.#parts = parts;
  }

  begin(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]> {
    const { pending, read, meaningOf } = this.#parts;
    for (const delivery of batch) {
      const message = read(delivery, tenure);
      const meaning = meaningOf(message);
      if (meaning.kind !== "reply") continue;
      const { givenId, service } = message;
      const asked = respondentsAsked(delivery);
      if (asked === undefined) pending.settle(meaning.name, meaning.outcome, givenId, service);
      else pending.tellAsked(meaning.name, asked, givenId, service);
    }
    return Promise.resolve([]);
  }
}

/** How many respondents a service says that it asked; `undefined` if the message says no such thing. */
function respondentsAsked({ headers }: Delivery): number | undefined {
  const text = headers[wireHeaders.respondents];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
