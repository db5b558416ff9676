import { protocol, tell, unchecked } from "@posthorn/posthorn";
import type { Mailbox } from "../../../runtime/messages/mailbox.ts";
import { Route } from "../../../runtime/messages/envelope.ts";
import type { Ring } from "../../../runtime/messages/ring.ts";

const Mail = protocol("mail", { post: tell(unchecked<number>()) });

/** A route that belongs to one number, so that a queue that mixes up the halves of a message is detected. */
export function routeOf(value: number): Route {
  return new Route(Mail.post, value);
}

/** Takes the oldest message, and returns the number that both halves have. */
export function takeFrom(queue: Ring | Mailbox<string>): number {
  const { causationId } = queue.route!;
  const { value } = queue;
  if (causationId !== value) throw new Error(`the route of ${causationId} lies beside the value ${value}`);
  queue.drop();
  return value as number;
}

/** All waiting messages, oldest first. */
export function drain(queue: Ring | Mailbox<string>): number[] {
  return Array.from({ length: queue.length }, () => takeFrom(queue));
}
