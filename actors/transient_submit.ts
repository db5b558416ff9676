import { nameOf } from "../runtime/messages/envelope.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { OutcomeUnknownError } from "../runtime/base/store_errors.ts";
import { DurableTicket } from "./durable_submit.ts";
import { routeToReply, type SubmitRequest } from "./reply_route.ts";
import { once } from "./tell.ts";

/**
 * Request / asynchronous response to a transient actor beside a store. The request waits in a mailbox of this process,
 * and is lost with it. Its reply is a row in the store, which any instance can read, also after the end of this one.
 *
 * The message is sent first, to keep the order of its sender. If the row of the reply cannot be written then, the
 * submit rejects with an `OutcomeUnknownError`. A repeat with the same id writes the row again.
 */
export async function submitBeside(runtime: Runtime, request: SubmitRequest): Promise<DurableTicket> {
  const { to, operation, payload, options } = request;
  const { route, name, key } = routeToReply(runtime, request, options?.id ?? runtime.ids.ulid());
  const opened = once(runtime, to, route, payload, () => {
    const accepted = runtime.delivery.accept(to, operation, payload, route); // a promise if it is for another, durable actor
    const ticket = new DurableTicket(runtime, name, key, operation.reply);
    let opening: Promise<DurableTicket> | undefined;
    const open = async () => {
      await accepted;
      try {
        const { protocol, key: receiver } = to;
        const delayMs = route.extras?.delay?.delayMs;
        await runtime.persistence!.openReply(key, { protocol, key: receiver, delayMs });
        return ticket;
      } catch (cause) {
        opening = undefined; // a repeat tries again
        const why = "it is in its mailbox, and the store did not take its reply";
        const request = nameOf(operation, to.key);
        throw new OutcomeUnknownError(`Cannot tell whether ${request} can be answered: ${why}`, { cause });
      }
    };
    return () => opening ??= open();
  });
  return await opened();
}
