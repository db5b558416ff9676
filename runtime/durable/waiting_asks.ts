import { messageOf, PosthornError } from "../errors.ts";
import { OutcomeUnknownError } from "../store_errors.ts";
import type { DurableActor } from "./durable_actor.ts";

/** Fails all asks that wait for an actor: they are nowhere but here. */
export function failAsks({ mailbox }: DurableActor, error: unknown): void {
  const failure = error instanceof PosthornError ? error : new PosthornError("failed", messageOf(error));
  for (const { asker } of mailbox.takeAsks()) asker!.fail(failure);
}

/**
 * A batch of so many messages may have landed, and nobody can tell any more: an ask among them may have had its effect,
 * and is told so. The mail has its own checks, and is tried again.
 */
export function failDoubtfulAsks(actor: DurableActor, taken: number): void {
  const { mailbox, durable: { ledger } } = actor;
  for (const mail of mailbox.mails.slice(0, taken)) {
    if (mail.asker === undefined) continue;
    mailbox.remove(mail);
    ledger.probes?.reach("the outcome of an ask cannot be known");
    const why = `Cannot tell whether ${actor} ${mail.head.operation} took effect`;
    mail.asker.fail(new OutcomeUnknownError(why));
  }
}
