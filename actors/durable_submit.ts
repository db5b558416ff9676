import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import type { SubmitOptions } from "../runtime/language/address.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { replyNameOf } from "../runtime/messages/reply_name.ts";
import type { Target } from "../runtime/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { routeToReply } from "./reply_route.ts";
import { ReplyTicket } from "./reply_ticket.ts";

/** A request whose reply is a row in the store. */
export interface SubmittedDurably {
  readonly ticket: DurableTicket;
  /** Whether the request had been accepted before. */
  readonly repeated: boolean;
}

/** Request / asynchronous response with a store: the message and its pending reply are committed together. */
export async function submitDurably(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  payload: unknown,
  options: (SubmitOptions<unknown> & IngressSendOptions) | undefined,
): Promise<SubmittedDurably> {
  const id = options?.id ?? runtime.ids.ulid();
  const { route, key } = routeToReply(runtime, operation, id, options);
  const acceptance = await runtime.delivery.acceptDurably(to, payload, route, key);
  const ticket = acceptance.ticket ?? key; // a repeat has the first one's
  return {
    ticket: new DurableTicket(runtime, replyNameOf(ticket), ticket, operation.reply),
    repeated: acceptance.repeated,
  };
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
