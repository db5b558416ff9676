import { messageOf, PosthornError } from "../errors.ts";
import { OutcomeUnknownError } from "../store_errors.ts";
import { isSound } from "../thrown.ts";
import type { DurableActor } from "./durable_actor.ts";
import type { DurableMailbox } from "./durable_mailbox.ts";

/** Whoever waits for an answer of an actor is told that there will be none. */
export function failAsks(mailbox: DurableMailbox, error: unknown): void {
  const failure = isSound(error, PosthornError) ? error : new PosthornError("failed", messageOf(error));
  for (const { asker } of mailbox.takeAsks()) asker!.fail(failure);
}

/** The same for those among so many at the head, of which nobody knows whether they took effect. */
export function failUncertainAsks(actor: DurableActor, among: number): void {
  for (const { asker, head } of actor.mailbox.takeAsks(among)) {
    actor.durable.ledger.probes?.reach("the outcome of an ask cannot be known");
    asker!.fail(new OutcomeUnknownError(`Cannot tell whether ${actor} ${head.operation} took effect`));
  }
}
