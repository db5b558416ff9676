import { abortable } from "@std/async/abortable";
import { type Actor, actor } from "../runtime/actor.ts";
import type { SubmitOptions } from "../runtime/address.ts";
import type { Context } from "../runtime/context.ts";
import { errorOfReason } from "../runtime/dead_letters.ts";
import { type Asker, isAsker, Route } from "../runtime/envelope.ts";
import {
  type PosthornError,
  ReplyPendingError,
  requireDuration,
  StoppedError,
  TerminalError,
  UnknownError,
} from "../runtime/errors.ts";
import type { Failure } from "../runtime/failure.ts";
import { givenAddress } from "../runtime/given_address.ts";
import { Reply } from "../runtime/modes.ts";
import type { Operation } from "../runtime/protocol.ts";
import {
  expiredReply,
  isCaller,
  pendingReply,
  replyKey,
  replyNameOf,
  timeOfReplyName,
  unknownReply,
  waitersMax,
} from "../runtime/reply_name.ts";
import type { Receiver } from "../runtime/delivery.ts";
import type { KeptReplies } from "../runtime/kept_replies.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, type Schema } from "../runtime/schema.ts";
import type { Ticket, TicketOptions } from "../runtime/ticket.ts";
import type { Turn } from "../runtime/turn.ts";
import { acceptAsk, Waiter } from "./ask.ts";
import { DurableTicket, submitDurably } from "./durable_submit.ts";
import { routeToReply } from "./reply_route.ts";
import { once } from "./tell.ts";
import { submitBeside } from "./transient_submit.ts";

/**
 * Request / asynchronous response: one envelope to one actor, whose `replyTo` is an address. Where the caller names
 * none, it is the address of a reply: an actor of its own, which keeps what comes until it is collected or expires.
 */
export function submit(
  runtime: Runtime,
  to: Receiver,
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
    const id = options?.id ?? runtime.newId();
    if (options?.replyTo !== undefined) {
      const { failTo } = options;
      const replyTo = givenAddress(options.replyTo);
      const route = runtime.route(operation, { options, id, replyTo, failTo });
      return once(runtime, to, route, payload, async () => {
        await runtime.delivery.accept(to, operation, payload, route);
        return await ticketAfter(runtime, new AddressedTicket(id));
      });
    }
    const { route, name, reply } = routeToReply(runtime, operation, id, options);
    return once(runtime, to, route, payload, () => {
      runtime.delivery.check(operation, to.key, payload);
      runtime.replies.requireRoom(options?.caller);
      runtime.delivery.accept(reply, Reply.open, undefined); // before it is sent: the reply may come at once
      runtime.replies.opened(reply.key, options?.caller);
      try {
        runtime.delivery.accept(to, operation, payload, route);
      } catch (error) {
        runtime.delivery.deliverTo({ ...reply, operation: Reply.cancel.name }, undefined);
        throw error;
      }
      return ticketAfter(runtime, new KeptTicket(runtime, name, options?.caller, operation.reply));
    });
  } catch (error) {
    return Promise.reject(error);
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
    ? new KeptTicket(runtime, id, caller, undefined)
    : new DurableTicket(runtime, id, replyKey(id, caller), undefined);
}

class KeptTicket implements Ticket<unknown> {
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
    const runtime = this.#runtime;
    const kept = runtime.find(Reply.collect.protocol, this.#key);
    if (kept === undefined) throw this.#isGone() ? expiredReply(this.id) : unknownReply(this.id);
    const { timeoutMs = 5_000, signal, peek = false } = options ?? {};
    signal?.throwIfAborted();
    if (timeoutMs !== 0) requireDuration("timeoutMs", timeoutMs);
    runtime.delivery.requireRunning(`collect the reply ${this.id}`);
    const waiter = new Collector(Reply.collect, this.#key, false);
    const answer = waiter.wait(runtime, timeoutMs > 0 ? timeoutMs : runtime.options.askTimeoutMs);
    const route = new Route(Reply.collect, undefined, undefined, waiter);
    acceptAsk(runtime, kept, { wait: timeoutMs > 0 && !peek, peek }, route, waiter);
    let reply: unknown;
    try {
      reply = await (signal === undefined ? answer : abortable(answer, signal));
    } finally {
      waiter.end(); // who was interrupted has not collected it
    }
    if (this.#schema === undefined) return reply;
    return parse(this.#schema, reply, "Cannot collect the reply", this.id);
  }

  /** Whether it was kept, or no reply of that age would be. */
  #isGone(): boolean {
    const { clock, replies, options } = this.#runtime;
    return replies.expired.has(this.#key) || timeOfReplyName(this.id)! + options.replyKeepMs <= clock.now();
  }
}

/** Waits for a reply that is kept. */
class Collector extends Waiter {
  override stopped(): void {
    const name = replyNameOf(this.key);
    this.fail(new StoppedError(`Cannot collect the reply ${name}: the system has stopped`));
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
    return Promise.reject(new UnknownError("unknown-reply", `Cannot collect the reply ${this.id}: ${why}`));
  }
}

type ReplyState =
  | { readonly status: "absent" }
  | { readonly status: "pending"; readonly waiting: readonly Asker[] }
  | Outcome;

type Outcome = { readonly status: "done"; readonly reply: unknown } | {
  readonly status: "failed";
  readonly failure: Failure;
};

type ReplyContext = Context<"~reply", ReplyState>;

/** The actor that keeps the reply of one submit, for as long as `replies` says. */
export function replyActor(replies: KeptReplies): Actor<"~reply"> {
  return actor(Reply, {
    state: (): ReplyState => ({ status: "absent" }),
    on: {
      open(ctx) {
        if (ctx.state.status !== "absent") return; // a turn may submit again under the same id
        ctx.state = { status: "pending", waiting: [] };
        replies.keep(ctx.key);
      },
      arrive: (ctx, reply) => settle(ctx, { status: "done", reply }, replies),
      refuse: (ctx, failure) => settle(ctx, { status: "failed", failure }, replies),
      collect(ctx, { wait, peek }) {
        const turn = ctx as unknown as Turn;
        const asker = turn.defer();
        if (!isAsker(asker) || asker.over) return;
        const state = ctx.state as ReplyState;
        if (state.status === "absent") { // it expired when this was on its way
          ctx.stop();
          return asker.fail(unknownReply(replyNameOf(ctx.key)));
        }
        if (state.status === "pending") {
          const waiting = state.waiting.filter((other) => !other.over);
          if (!wait || waiting.length >= waitersMax) {
            return asker.fail(pendingReply(replyNameOf(ctx.key), wait ? waiting.length : undefined));
          }
          ctx.state = { ...state, waiting: [...waiting, asker] };
          return;
        }
        answer(asker, state);
        if (!peek) replies.collected(ctx.key);
      },
      expire(ctx) {
        const state = ctx.state as ReplyState;
        if (state.status === "pending") {
          for (const asker of state.waiting) asker.fail(expiredReply(replyNameOf(ctx.key)));
        }
        replies.ended(ctx.key, true);
        ctx.stop();
      },
      cancel(ctx) {
        replies.ended(ctx.key, false);
        ctx.stop();
      },
    },
    onFailure: "resume",
    idleMs: Infinity, // it ends itself
    onIdle: "drop",
  });
}

function settle(ctx: ReplyContext, outcome: Outcome, replies: KeptReplies): void {
  const state = ctx.state as ReplyState;
  const late = state.status === "absent" || state.status === "done" ||
    (state.status === "failed" && outcome.status === "failed"); // what failed may be sent again, and succeed
  if (late) {
    throw new TerminalError(`The reply to ${replyNameOf(ctx.key)} came when nobody waited for it`, {
      code: "late-reply",
    });
  }
  const waiting = state.status === "pending" ? state.waiting.filter((asker) => !asker.over) : [];
  for (const asker of waiting) answer(asker, outcome);
  ctx.state = outcome;
  replies.settled(ctx.key, outcome);
  if (waiting.length > 0) replies.collected(ctx.key);
}

function answer(asker: Asker, outcome: Outcome): void {
  if (outcome.status === "done") asker.reply(outcome.reply, outcome.reply);
  else {
    const { id, code, message } = outcome.failure;
    asker.fail(Object.assign(errorOfReason(code, message), { id }));
  }
}
