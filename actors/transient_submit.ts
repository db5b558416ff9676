import type { SubmitOptions } from "../runtime/language/address.ts";
import { nameOf } from "../runtime/messages/envelope.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import type { Target } from "../runtime/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { OutcomeUnknownError } from "../runtime/base/store_errors.ts";
import { DurableTicket } from "./durable_submit.ts";
import { routeToReply } from "./reply_route.ts";
import { once } from "./tell.ts";

/**
 * Request / asynchronous response to an actor that keeps nothing, beside a store. The request waits in its mailbox, in
 * this process, and is lost with it; its reply is a row, as every reply is there: any instance gives it, also when this
 * one has gone.
 *
 * The message goes first, so that it keeps its place among those of its sender. Where the row cannot be written then,
 * the submit rejects with an `OutcomeUnknownError`; sent again with its id, it is tried again.
 */
export async function submitBeside(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  payload: unknown,
  options: SubmitOptions<unknown> | undefined,
): Promise<DurableTicket> {
  const id = options?.id ?? runtime.ids.ulid();
  const { route, name, reply } = routeToReply(runtime, operation, id, options);
  const pending = once(runtime, to, route, payload, () => {
    runtime.delivery.accept(to, operation, payload, route);
    const ticket = new DurableTicket(runtime, name, reply.key, operation.reply);
    return new TransientReply(runtime, reply.key, nameOf(operation, to.key), ticket);
  });
  return await pending.opened();
}

/** A reply whose request was accepted: its row is written until it is there. */
class TransientReply {
  readonly #runtime: Runtime;
  readonly #key: string;
  readonly #request: string;
  readonly #ticket: DurableTicket;
  #opening: Promise<DurableTicket> | undefined;

  constructor(runtime: Runtime, key: string, request: string, ticket: DurableTicket) {
    this.#runtime = runtime;
    this.#key = key;
    this.#request = request;
    this.#ticket = ticket;
  }

  /** Resolves with its ticket when the row is there. Who comes again after it failed tries again. */
  opened(): Promise<DurableTicket> {
    return this.#opening ??= this.#open();
  }

  async #open(): Promise<DurableTicket> {
    try {
      await this.#runtime.persistence!.openReply(this.#key);
      return this.#ticket;
    } catch (error) {
      this.#opening = undefined;
      const why = "it is in its mailbox, and the store did not take its reply";
      throw new OutcomeUnknownError(`Cannot tell whether ${this.#request} can be answered: ${why}`, {
        cause: error,
      });
    }
  }
}
