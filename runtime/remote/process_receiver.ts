import type { Delivery, Receiver, Rejection, Tenure } from "../ports/transport.ts";
import { replyOf } from "./meaning.ts";
import type { PendingReplies } from "./pending_replies.ts";
import { givenIdOf, receivedMessage } from "./received_message.ts";
import { wireHeaders } from "./wire.ts";

const nothing: Promise<readonly Rejection[]> = Promise.resolve([]);

/**
 * Gives replies to the asks and surveys of this process that wait for them. One for which nobody waits is dropped: its
 * asker's time was up, or its asker has answered.
 */
export class ProcessReceiver implements Receiver {
  readonly #pending: PendingReplies;

  constructor(pending: PendingReplies) {
    this.#pending = pending;
  }

  begin(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]> {
    for (const delivery of batch) {
      const { name, outcome } = replyOf(delivery);
      const id = givenIdOf(delivery, tenure);
      const sender = delivery.headers[wireHeaders.sender];
      const asked = respondentsAsked(delivery);
      const read = () => receivedMessage(delivery, tenure, () => "");
      if (asked === undefined) this.#pending.settle(name, outcome, id, sender, read);
      else this.#pending.tellAsked(name, asked, id, sender);
    }
    return nothing;
  }
}

/** How many respondents a service says that it asked; `undefined` if the message says no such thing. */
function respondentsAsked({ headers }: Delivery): number | undefined {
  const text = headers[wireHeaders.respondents];
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}
