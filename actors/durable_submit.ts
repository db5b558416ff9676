import type { SubmitOptions } from "../runtime/language/address.ts";
import { requireDuration } from "../runtime/base/errors.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { replyNameOf } from "../runtime/messages/reply_name.ts";
import type { Target } from "../runtime/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, type Schema } from "../runtime/language/schema.ts";
import type { Ticket, TicketOptions } from "../runtime/language/ticket.ts";
import { routeToReply } from "./reply_route.ts";

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
  options: SubmitOptions<unknown> | undefined,
): Promise<SubmittedDurably> {
  const id = options?.id ?? runtime.newId();
  const { route, reply: { key } } = routeToReply(runtime, operation, id, options);
  const acceptance = await runtime.delivery.acceptDurably(to, payload, route, key);
  const ticket = acceptance.ticket ?? key; // a repeat has the first one's
  return {
    ticket: new DurableTicket(runtime, replyNameOf(ticket), ticket, operation.reply),
    repeated: acceptance.repeated,
  };
}

/** The ticket of a reply in the store: any instance can collect it, as often as it likes, until it expires. */
export class DurableTicket implements Ticket<unknown> {
  readonly id: string;
  readonly #runtime: Runtime;
  readonly #key: string;
  readonly #schema: Schema<unknown> | undefined;

  constructor(runtime: Runtime, id: string, key: string, schema: Schema<unknown> | undefined) {
    this.id = id;
    this.#runtime = runtime;
    this.#key = key;
    this.#schema = schema;
  }

  async reply(options?: TicketOptions): Promise<unknown> {
    const { timeoutMs = 5_000, signal, peek = false } = options ?? {};
    signal?.throwIfAborted();
    if (timeoutMs !== 0) requireDuration("timeoutMs", timeoutMs);
    return await this.collect(peek ? 0 : timeoutMs, signal, false);
  }

  /** The reply; `raw` as it travels. Waits for so long, or until the signal aborts. */
  async collect(timeoutMs: number, signal: AbortSignal | undefined, raw: boolean): Promise<unknown> {
    const runtime = this.#runtime;
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
      const reply = await replies.collect(this.#key, this.id, wait);
      signal?.throwIfAborted();
      if (raw || this.#schema === undefined) return reply;
      return parse(this.#schema, reply, "Cannot collect the reply", this.id);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      timer?.cancel();
      signal?.removeEventListener("abort", end);
    }
  }
}
