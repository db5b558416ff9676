import { type OptionNames, requireKnownOptions } from "../runtime/base/option_names.ts";
import { requireDelay } from "../runtime/base/require.ts";
import { parse } from "../runtime/language/parse.ts";
import type { Schema } from "../runtime/language/schema.ts";
import type { Cancellation, CancelOptions, Ticket, TicketOptions } from "../runtime/language/ticket.ts";
import { undecidedRequest } from "../runtime/messages/reply_name.ts";
import type { Runtime } from "../runtime/runtime.ts";

const replyNames: OptionNames<TicketOptions> = { peek: true, signal: true, timeoutMs: true };
const cancelNames: OptionNames<CancelOptions> = { timeoutMs: true };

/** The ticket of a reply that is kept under a key: in memory, or in the store. */
export abstract class ReplyTicket implements Ticket<unknown> {
  readonly id: string;
  protected readonly runtime: Runtime;
  /** The key under which its reply is kept. */
  readonly key: string;
  readonly #schema: Schema<unknown> | undefined;

  /** Without a schema the reply is given as it travels. */
  constructor(runtime: Runtime, id: string, key: string, schema: Schema<unknown> | undefined) {
    this.id = id;
    this.runtime = runtime;
    this.key = key;
    this.#schema = schema;
  }

  async reply(options?: TicketOptions): Promise<unknown> {
    if (options !== undefined) requireKnownOptions("ticket.reply", options, replyNames);
    const { timeoutMs = 5_000, signal, peek = false } = options ?? {};
    signal?.throwIfAborted();
    requireDelay("timeoutMs", timeoutMs);
    return this.parsed(await this.collect(peek ? 0 : timeoutMs, signal, peek));
  }

  async cancel(options?: CancelOptions): Promise<Cancellation> {
    if (options !== undefined) requireKnownOptions("ticket.cancel", options, cancelNames);
    const { timeoutMs = 5_000 } = options ?? {};
    requireDelay("timeoutMs", timeoutMs);
    const decided = await this.takeBack(timeoutMs);
    if (decided !== undefined) return decided;
    throw undecidedRequest(this.id, timeoutMs);
  }

  /** The output of the schema of the reply. */
  parsed(reply: unknown): unknown {
    if (this.#schema === undefined) return reply;
    return parse(this.#schema, reply, "Cannot collect the reply", this.id);
  }

  /**
   * The reply as it travels. Waits for it up to `timeoutMs`, or until the signal aborts. One that was only peeked at
   * does not count as collected.
   */
  abstract collect(timeoutMs: number, signal?: AbortSignal, peek?: boolean): Promise<unknown>;

  /** Takes the request back. Waits for up to `timeoutMs` if that is decided elsewhere, and resolves with nothing after that. */
  protected abstract takeBack(timeoutMs: number): Promise<Cancellation | undefined>;
}
