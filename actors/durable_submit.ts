import { replyNameOf } from "../runtime/messages/reply_name.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { routeToReply, type SubmitRequest } from "./reply_route.ts";
import { ReplyTicket } from "./reply_ticket.ts";

/**
 * Request / asynchronous response with a store: the message and its pending reply are committed together. It is
 * `repeated` if it had been accepted before.
 */
export async function submitDurably(
  runtime: Runtime,
  request: SubmitRequest,
): Promise<{ readonly ticket: DurableTicket; readonly repeated: boolean }> {
  const { to, operation, payload, options } = request;
  const { route, key } = routeToReply(runtime, request, options?.id ?? runtime.ids.ulid());
  // A repeat has the ticket of the first one.
  const { ticket = key, repeated } = await runtime.delivery.acceptDurably(to, payload, route, key);
  return { ticket: new DurableTicket(runtime, replyNameOf(ticket), ticket, operation.reply), repeated };
}

/** The ticket of a reply in the store: any instance can collect it, as often as it likes, until it expires. */
export class DurableTicket extends ReplyTicket {
  async collect(timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const { runtime } = this;
    if (runtime.delivery.status !== "stopped") await runtime.scheduler.turn();
    const replies = await runtime.persistence!.replies();
    const ended = Promise.withResolvers<void>();
    const wait = { over: timeoutMs === 0, ended: ended.promise };
    const end = () => {
      wait.over = true;
      ended.resolve();
    };
    const timer = timeoutMs > 0 ? runtime.timers.set(timeoutMs, end, end) : undefined;
    signal?.addEventListener("abort", end);
    try {
      const reply = await replies.collect(this.key, this.id, wait);
      signal?.throwIfAborted();
      return reply;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", end);
    }
  }
}
