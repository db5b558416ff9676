import type { ReplyWait } from "../runtime/durable/delivery/reply_rows.ts";
import type { Cancellation } from "../runtime/language/ticket.ts";
import { replyNameOf } from "../runtime/messages/reply_name.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { routeToReply, type SubmitRequest } from "./reply_route.ts";
import { ReplyTicket } from "./reply_ticket.ts";
import { withdraw } from "./withdraw.ts";

/**
 * Request / asynchronous response with a store: the message and its pending reply are committed together. It is
 * `repeated` if it had been accepted before. `named` gets the key of its reply before that: its turn may begin before its
 * acceptance is known.
 */
export async function submitDurably(
  runtime: Runtime,
  request: SubmitRequest,
  named: (key: string) => void = () => {},
): Promise<{ readonly ticket: DurableTicket; readonly repeated: boolean }> {
  const { to, operation, payload, options } = request;
  const { route, key } = routeToReply(runtime, request, options?.id ?? runtime.ids.ulid());
  named(key);
  // A repeat has the ticket of the first one.
  const { ticket = key, repeated } = await runtime.delivery.acceptDurably(to, payload, route, key);
  return { ticket: new DurableTicket(runtime, replyNameOf(ticket), ticket, operation.reply), repeated };
}

/** The ticket of a reply in the store: any instance can collect it, as often as it likes, until it expires. */
export class DurableTicket extends ReplyTicket {
  async collect(timeoutMs: number, signal?: AbortSignal): Promise<unknown> {
    const { runtime } = this;
    await runtime.scheduler.turn();
    const replies = await runtime.persistence!.replies();
    try {
      const reply = await this.#waiting(
        timeoutMs,
        (wait) => replies.collect(this.key, this.id, wait),
        signal,
      );
      signal?.throwIfAborted();
      return reply;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  protected takeBack(timeoutMs: number): Promise<Cancellation | undefined> {
    const persistence = this.runtime.persistence!;
    return this.#waiting(timeoutMs, async (wait) => {
      for (let asked = false;; asked = true) {
        const told = await persistence.cancel(this.key, this.id, wait, asked);
        if (typeof told !== "object") return told;
        await withdraw(this.runtime, told.later, timeoutMs === 0 ? undefined : wait.ended);
      }
    });
  }

  /** Calls a function that waits until the time is over or the signal aborts. */
  async #waiting<Result>(
    timeoutMs: number,
    act: (wait: ReplyWait) => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    const ended = Promise.withResolvers<void>();
    const wait = { over: timeoutMs === 0, ended: ended.promise };
    const end = () => {
      wait.over = true;
      ended.resolve();
    };
    const timer = timeoutMs > 0 ? this.runtime.timers.set(timeoutMs, end, end) : undefined;
    signal?.addEventListener("abort", end);
    try {
      return await act(wait);
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", end);
    }
  }
}
