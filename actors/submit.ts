import { abortable } from "@std/async/abortable";
import type { SubmitOptions } from "../runtime/language/address.ts";
import {
  NotFoundError,
  type PosthornError,
  ReplyPendingError,
  requireDuration,
} from "../runtime/base/errors.ts";
import { givenAddress } from "../runtime/language/given_address.ts";
import { Reply } from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import {
  expiredReply,
  isCaller,
  pendingReply,
  replyKey,
  replyNameOf,
  stoppedCollecting,
  timeOfReplyName,
  unknownReply,
} from "../runtime/messages/reply_name.ts";
import type { Target } from "../runtime/delivery.ts";
import type { Route } from "../runtime/messages/envelope.ts";
import { errorOfFailure, type KeptReply } from "../runtime/in_memory_replies.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, type Schema } from "../runtime/language/schema.ts";
import type { Ticket, TicketOptions } from "../runtime/language/ticket.ts";
import { PendingReply } from "./ask.ts";
import { DurableTicket, submitDurably } from "./durable_submit.ts";
import { routeToReply } from "./reply_route.ts";
import { once } from "./tell.ts";
import { submitBeside } from "./transient_submit.ts";

/**
 * Request / asynchronous response: one envelope to one actor, whose `replyTo` is an address. Where the caller names
 * none, it is the address of a reply, which is kept until it is collected or expires.
 */
export function submit(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  payload: unknown,
  options: SubmitOptions<unknown> | undefined,
): Promise<Ticket<unknown>> {
  try {
    if (options?.failTo !== undefined) options = { ...options, failTo: givenAddress(options.failTo) };
    if (options?.replyTo === undefined && runtime.persistence !== undefined) {
      if (!runtime.persistence.has(to.protocol)) {
        return submitBeside(runtime, to, operation, payload, options);
      }
      return submitDurably(runtime, to, operation, payload, options).then(({ ticket }) => ticket);
    }
    if (options?.replyTo !== undefined) {
      const { failTo, id = runtime.newId() } = options;
      const replyTo = givenAddress(options.replyTo);
      const route = runtime.route(operation, { options, id, replyTo, failTo });
      return once(runtime, to, route, payload, async () => {
        await runtime.delivery.accept(to, operation, payload, route);
        return await ticketAfter(runtime, new AddressedTicket(id));
      });
    }
    const { route, name, reply } = routeToReply(runtime, operation, options?.id, options);
    return once(runtime, to, route, payload, () => {
      const kept = openReply(runtime, to, route, payload, reply.key); // before it is sent: it may fail at once
      try {
        runtime.delivery.accept(to, operation, payload, route);
      } catch (error) {
        runtime.replies.cancel(kept);
        throw error;
      }
      runtime.replies.accepted();
      return ticketAfter(runtime, new InMemoryTicket(runtime, name, options?.caller, operation.reply));
    });
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Keeps the reply of a request. If there is no room, a request that could never be accepted is told that instead. */
function openReply(runtime: Runtime, to: Target, route: Route, payload: unknown, key: string): KeptReply {
  try {
    return runtime.replies.open(key, route.extras?.caller);
  } catch (error) {
    runtime.delivery.requireAcceptable(to, route.operation, payload);
    throw error;
  }
}

async function ticketAfter(runtime: Runtime, ticket: Ticket<unknown>): Promise<Ticket<unknown>> {
  await runtime.scheduler.pause;
  return ticket;
}

/**
 * The ticket of a request that was submitted before, here or elsewhere. Its reply comes as it travels. What is no name of a
 * reply, or of no possible caller, is not looked for.
 */
export function ticketOf(runtime: Runtime, id: string, caller?: string): Ticket<unknown> {
  if (timeOfReplyName(id) === undefined || !isCaller(caller ?? "")) return new NoTicket(runtime, id);
  return runtime.persistence === undefined
    ? new InMemoryTicket(runtime, id, caller, undefined)
    : new DurableTicket(runtime, id, replyKey(id, caller), undefined);
}

class InMemoryTicket implements Ticket<unknown> {
  readonly id: string;
  readonly #runtime: Runtime;
  readonly #key: string;
  readonly #schema: Schema<unknown> | undefined;

  constructor(runtime: Runtime, id: string, caller: string | undefined, schema: Schema<unknown> | undefined) {
    this.id = id;
    this.#runtime = runtime;
    this.#key = replyKey(id, caller);
    this.#schema = schema;
  }

  async reply(options?: TicketOptions): Promise<unknown> {
    const { timeoutMs = 5_000, signal, peek = false } = options ?? {};
    signal?.throwIfAborted();
    if (timeoutMs !== 0) requireDuration("timeoutMs", timeoutMs);
    const runtime = this.#runtime;
    const kept = runtime.replies.find(this.#key) ?? await this.#findLater();
    if (runtime.delivery.status === "stopped") throw stoppedCollecting(this.id);
    const waits = kept.outcome === undefined && timeoutMs > 0 && !peek;
    const reply = waits ? await this.#wait(kept, timeoutMs, signal) : await this.#take(kept, peek, signal);
    if (this.#schema === undefined) return reply;
    return parse(this.#schema, reply, "Cannot collect the reply", this.id);
  }

  /** The turn that submits may not have committed yet. */
  async #findLater(): Promise<KeptReply> {
    const { delivery, scheduler, replies } = this.#runtime;
    if (delivery.status !== "stopped") await scheduler.turn();
    const kept = replies.find(this.#key);
    if (kept !== undefined) return kept;
    throw this.#isGone() ? expiredReply(this.id) : unknownReply(this.id);
  }

  async #take(kept: KeptReply, peek: boolean, signal: AbortSignal | undefined): Promise<unknown> {
    const { scheduler, replies } = this.#runtime;
    await scheduler.turn();
    signal?.throwIfAborted();
    const { outcome } = kept;
    if (outcome === undefined) throw pendingReply(this.id);
    if (!peek) replies.collect(kept);
    if ("failure" in outcome) throw errorOfFailure(outcome.failure);
    return outcome.reply;
  }

  async #wait(kept: KeptReply, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    const waiter = new ReplyWaiter(Reply.arrive, this.#key, false);
    const answer = waiter.wait(this.#runtime, timeoutMs);
    try {
      kept.wait(waiter);
      this.#runtime.scheduler.lookSoon();
      return await (signal === undefined ? answer : abortable(answer, signal));
    } finally {
      waiter.end(); // who was interrupted has not collected it
    }
  }

  /** Whether it was kept, or no reply of that age would be. */
  #isGone(): boolean {
    const { clock, replies, options } = this.#runtime;
    return replies.expired.has(this.#key) ||
      timeOfReplyName(this.id)! + options.replyRetentionMs <= clock.now();
  }
}

/** Waits for a reply that is kept. */
class ReplyWaiter extends PendingReply {
  override stopped(): void {
    this.fail(stoppedCollecting(replyNameOf(this.key)));
  }

  protected override late(timeoutMs: number): PosthornError {
    return new ReplyPendingError(
      `Cannot collect the reply ${replyNameOf(this.key)}: it did not come in ${timeoutMs} ms`,
    );
  }
}

/** The ticket of what cannot name a reply. */
class NoTicket implements Ticket<unknown> {
  readonly id: string;
  readonly #runtime: Runtime;

  constructor(runtime: Runtime, id: string) {
    this.id = id;
    this.#runtime = runtime;
  }

  async reply(): Promise<unknown> {
    await this.#runtime.persistence?.opened; // a store that cannot be used says so of whatever is asked
    throw unknownReply(JSON.stringify(this.id.slice(0, 80)));
  }
}

/** Its reply goes elsewhere, so it has no name: the id of the message stands for it. */
class AddressedTicket implements Ticket<unknown> {
  readonly id: string;

  constructor(id: string) {
    this.id = id;
  }

  reply(): Promise<unknown> {
    const why = "it goes to an address";
    return Promise.reject(new NotFoundError("unknown-reply", `Cannot collect the reply ${this.id}: ${why}`));
  }
}
