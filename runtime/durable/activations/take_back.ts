import type { DurableActivation } from "./durable_activation.ts";
import type { DurableTurn } from "./turn_writes.ts";

/**
 * A message was taken back in the store: its actor here no longer waits for it. Returns its turn if its handler is awaited:
 * then its signal is aborted, and nothing of its turn will be committed.
 */
export function takeBack(actor: DurableActivation, place: string): DurableTurn | undefined {
  const { mailbox, picker, status, turn } = actor;
  if (turn?.mail.place === place) {
    turn.revoke();
    return turn;
  }
  picker.takeBack(place);
  const atHead = mailbox.mails[0]?.place === place;
  const left = mailbox.takeBack(place);
  if (left && atHead && status === "held") actor.proceed(); // it waited for the time of that message
  return undefined;
}
