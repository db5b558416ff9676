import type { Delivery, Receiver, Rejection, Tenure } from "../ports/transport.ts";
import { replyOf } from "./meaning.ts";
import type { PendingReplies } from "./pending_replies.ts";
import { givenIdOf } from "./received_message.ts";

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
      this.#pending.settle(name, outcome, givenIdOf(delivery, tenure));
    }
    return nothing;
  }
}
