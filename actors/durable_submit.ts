import type { SubmitOptions } from "../runtime/address.ts";
import { PosthornError, requireDuration } from "../runtime/errors.ts";
import { Reply } from "../runtime/modes.ts";
import type { Operation } from "../runtime/protocol.ts";
import type { Receiver } from "../runtime/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, type Schema } from "../runtime/schema.ts";
import type { Ticket, TicketOptions } from "../runtime/ticket.ts";

/** A request whose reply is a row in the store. */
export interface SubmittedDurably {
  readonly ticket: DurableTicket;
  /** Whether the request had been accepted before. */
  readonly repeated: boolean;
}

/** How often another name is looked for where a reply has the one that was given. */
const namesMax = 3;

/**
 * Request / asynchronous response with a store: the message and its pending reply are committed together. Another
 * request of the same caller may have that id: then its reply has the name, and this one's gets another.
 */
export async function submitDurably(
  runtime: Runtime,
  to: Receiver,
  operation: Operation,
  payload: unknown,
  options: SubmitOptions<unknown> | undefined,
): Promise<SubmittedDurably> {
  const id = options?.id ?? runtime.newId();
  for (let attempt = 1;; attempt++) {
    const ticketId = attempt === 1 ? id : runtime.newId();
    const name = replyName(ticketId, options?.caller);
    const reply = { protocol: Reply.open.protocol, key: name };
    const route = runtime.route(operation, {
      options,
      id,
      replyTo: { ...reply, operation: Reply.arrive.name },
      failTo: options?.failTo ?? { ...reply, operation: Reply.refuse.name },
    });
    try {
      const acceptance = await runtime.delivery.acceptDurably(to, payload, route, name);
      const ticket = acceptance.ticket ?? name;
      return {
        ticket: new DurableTicket(runtime, idOf(ticket), ticket, operation.reply),
        repeated: acceptance.repeated,
      };
    } catch (error) {
      const taken = error instanceof PosthornError && error.code === "ticket-taken";
      if (!taken || attempt === namesMax) throw error;
    }
  }
}

/** The name of a reply: its caller's own. */
export function replyName(id: string, caller = ""): string {
  return caller === "" ? id : `${caller}\n${id}`;
}

function idOf(name: string): string {
  return name.slice(name.lastIndexOf("\n") + 1);
}

/** The ticket of a reply in the store: any instance can collect it, as often as it likes, until it expires. */
export class DurableTicket implements Ticket<unknown> {
  readonly id: string;
  readonly #runtime: Runtime;
  readonly #name: string;
  readonly #schema: Schema<unknown> | undefined;

  constructor(runtime: Runtime, id: string, name: string, schema: Schema<unknown> | undefined) {
    this.id = id;
    this.#runtime = runtime;
    this.#name = name;
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
      const reply = await replies.collect(this.#name, this.id, wait);
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
