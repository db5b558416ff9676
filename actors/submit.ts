import { abortable } from "@std/async/abortable";
import { type Actor, actor } from "../runtime/actor.ts";
import type { Address, SubmitOptions } from "../runtime/address.ts";
import type { Context } from "../runtime/context.ts";
import { errorOfReason } from "../runtime/dead_letters.ts";
import { Asker, Route } from "../runtime/envelope.ts";
import {
  type PosthornError,
  ReplyPendingError,
  requireDuration,
  TerminalError,
  UnknownError,
} from "../runtime/errors.ts";
import type { Failure } from "../runtime/failure.ts";
import { isGivenId } from "../runtime/ids.ts";
import { Reply } from "../runtime/modes.ts";
import type { Operation } from "../runtime/protocol.ts";
import type { Receiver } from "../runtime/delivery.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, type Schema } from "../runtime/schema.ts";
import type { Ticket, TicketOptions } from "../runtime/ticket.ts";
import type { Turn } from "../runtime/turn.ts";
import { acceptAsk, Waiter } from "./ask.ts";
import { DurableTicket, replyName, submitDurably } from "./durable_submit.ts";
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
    if (options?.replyTo === undefined && runtime.persistence !== undefined) {
      if (!runtime.persistence.has(to.protocol)) {
        return submitBeside(runtime, to, operation, payload, options);
      }
      return submitDurably(runtime, to, operation, payload, options).then(({ ticket }) => ticket);
    }
    const id = options?.id ?? runtime.newId();
    if (options?.replyTo !== undefined) {
      const { replyTo, failTo } = options;
      const route = runtime.route(operation, { options, id, replyTo, failTo });
      return once(runtime, to, route, payload, async () => {
        await runtime.delivery.accept(to, operation, payload, route);
        return await ticketAfter(runtime, new AddressedTicket(id));
      });
    }
    // Another request may have that id: then its reply has the name, and this one's gets another.
    const taken = runtime.find(Reply.open.protocol, replyName(id, options?.caller)) !== undefined;
    const ticketId = taken ? runtime.newId() : id;
    const reply = { protocol: Reply.open.protocol, key: replyName(ticketId, options?.caller) };
    const route = runtime.route(operation, {
      options,
      id,
      replyTo: { ...reply, operation: Reply.arrive.name },
      failTo: options?.failTo ?? { ...reply, operation: Reply.refuse.name },
    });
    return once(runtime, to, route, payload, () => {
      runtime.delivery.check(operation, to.key, payload);
      runtime.delivery.accept(reply, Reply.open, undefined); // before it is sent: the reply may come at once
      try {
        runtime.delivery.accept(to, operation, payload, route);
      } catch (error) {
        runtime.delivery.deliverTo({ ...reply, operation: Reply.cancel.name }, undefined);
        throw error;
      }
      return ticketAfter(runtime, new KeptTicket(runtime, ticketId, options?.caller, operation.reply));
    });
  } catch (error) {
    return Promise.reject(error);
  }
}

async function ticketAfter(runtime: Runtime, ticket: Ticket<unknown>): Promise<Ticket<unknown>> {
  await runtime.scheduler.pause;
  return ticket;
}

/** The ticket of a request that was submitted before, here or elsewhere. Its reply comes as it travels. */
export function ticketOf(runtime: Runtime, id: string, caller?: string): Ticket<unknown> {
  return runtime.persistence === undefined
    ? new KeptTicket(runtime, id, caller, undefined)
    : new DurableTicket(runtime, id, replyName(id, caller), undefined);
}

function idOf(replyName: string): string {
  return replyName.slice(replyName.lastIndexOf("\n") + 1);
}

class KeptTicket implements Ticket<unknown> {
  readonly id: string;
  readonly #runtime: Runtime;
  readonly #key: string;
  readonly #schema: Schema<unknown> | undefined;

  constructor(runtime: Runtime, id: string, caller: string | undefined, schema: Schema<unknown> | undefined) {
    this.id = id;
    this.#runtime = runtime;
    this.#key = replyName(id, caller);
    this.#schema = schema;
  }

  async reply(options?: TicketOptions): Promise<unknown> {
    const runtime = this.#runtime;
    const kept = isGivenId(this.id) && runtime.find(Reply.collect.protocol, this.#key);
    if (!kept) throw runtime.expiredReplies.has(this.#key) ? expired(this.id) : unknown(this.id);
    const { timeoutMs = 5_000, signal } = options ?? {};
    signal?.throwIfAborted();
    if (timeoutMs !== 0) requireDuration("timeoutMs", timeoutMs);
    const waiter = new Collector(Reply.collect, this.#key, false);
    const answer = waiter.wait(runtime, timeoutMs > 0 ? timeoutMs : runtime.options.askTimeoutMs);
    const route = new Route(Reply.collect, undefined, undefined, waiter);
    acceptAsk(runtime, kept, { wait: timeoutMs > 0 }, route, waiter);
    let reply: unknown;
    try {
      reply = await (signal === undefined ? answer : abortable(answer, signal));
    } finally {
      waiter.end(); // who was interrupted has not collected it
    }
    if (this.#schema === undefined) return reply;
    return parse(this.#schema, reply, "Cannot collect the reply", this.id);
  }
}

/** Waits for a reply that is kept. */
class Collector extends Waiter {
  protected override late(timeoutMs: number): PosthornError {
    return new ReplyPendingError(
      `Cannot collect the reply ${idOf(this.key)}: it did not come in ${timeoutMs} ms`,
    );
  }
}

function unknown(id: string): UnknownError {
  return new UnknownError("unknown-reply", `Cannot collect the reply ${id}: no such reply is kept`);
}

function expired(id: string): UnknownError {
  return new UnknownError(
    "expired-reply",
    `Cannot collect the reply ${id}: it was kept for as long as replies are`,
  );
}

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

/**
 * A collected reply is kept a little longer, where there is room: the answer that carried it may have been lost on its
 * way.
 */
const collectedKeepMs = 60_000;

/** How many may wait for one reply. */
const collectorsMax = 100;

type ReplyState =
  | { readonly status: "absent" }
  | { readonly status: "pending"; readonly untilMs: number; readonly waiting: readonly Asker[] }
  | { readonly status: "done"; readonly untilMs: number; readonly reply: unknown }
  | { readonly status: "failed"; readonly untilMs: number; readonly failure: Failure };

type Outcome = { readonly status: "done"; readonly reply: unknown } | {
  readonly status: "failed";
  readonly failure: Failure;
};

/** What a system remembers of its replies, by their keys. */
export interface ReplyBook {
  /** Those that were collected: they may go first when there is no room. */
  readonly collected: Set<string>;
  /** Hears of a reply that has expired. */
  onExpire(key: string): void;
}

type ReplyContext = Context<"~reply", ReplyState>;

/** The actor that keeps the reply of one submit, for so long from the submit on. */
export function replyActor(keepMs: number, book: ReplyBook): Actor<"~reply"> {
  return actor(Reply, {
    state: (): ReplyState => ({ status: "absent" }),
    on: {
      open(ctx) {
        if (ctx.state.status !== "absent") return; // a turn may submit again under the same id
        ctx.state = { status: "pending", untilMs: ctx.now + keepMs, waiting: [] };
        ctx.schedule("expire", { afterMs: keepMs }, ctx.self.at(Reply.expire));
      },
      arrive: (ctx, reply) => settle(ctx, { status: "done", reply }, book),
      refuse: (ctx, failure) => settle(ctx, { status: "failed", failure }, book),
      collect(ctx, { wait }) {
        const turn = ctx as unknown as Turn;
        const asker = turn.defer();
        if (asker === undefined || !(asker instanceof Asker) || asker.over) return;
        const state = ctx.state as ReplyState;
        if (state.status === "absent") { // it expired when this was on its way
          ctx.stop();
          return asker.fail(unknown(idOf(ctx.key)));
        }
        if (state.status === "pending") {
          const waiting = state.waiting.filter((other) => !other.over);
          if (wait && waiting.length < collectorsMax) {
            ctx.state = { ...state, waiting: [...waiting, asker] };
            return;
          }
          const full = wait ? `, and ${waiting.length} of ${collectorsMax} wait for it` : "";
          const why = `it is pending${full}`;
          return asker.fail(new ReplyPendingError(`Cannot collect the reply ${idOf(ctx.key)}: ${why}`));
        }
        answer(asker, state);
        collected(ctx, state.untilMs, book);
      },
      expire(ctx) {
        const state = ctx.state as ReplyState;
        if (state.status === "pending") {
          for (const asker of state.waiting) asker.fail(expired(idOf(ctx.key)));
        }
        book.collected.delete(ctx.key);
        book.onExpire(ctx.key);
        ctx.stop();
      },
      cancel(ctx) {
        book.collected.delete(ctx.key);
        ctx.cancel("expire");
        ctx.stop();
      },
    },
    onFailure: "resume",
    idleMs: Infinity, // it ends itself
    onIdle: "drop",
  });
}

function settle(ctx: ReplyContext, outcome: Outcome, book: ReplyBook): void {
  const state = ctx.state as ReplyState;
  const late = state.status === "absent" || state.status === "done" ||
    (state.status === "failed" && outcome.status === "failed"); // what failed may be sent again, and succeed
  if (late) {
    throw new TerminalError(`The reply to ${idOf(ctx.key)} came when nobody waited for it`, {
      code: "late-reply",
    });
  }
  const waiting = state.status === "pending" ? state.waiting.filter((asker) => !asker.over) : [];
  for (const asker of waiting) answer(asker, outcome);
  ctx.state = { ...outcome, untilMs: state.untilMs };
  if (waiting.length > 0) collected(ctx, state.untilMs, book);
}

function answer(asker: Asker, outcome: Outcome): void {
  if (outcome.status === "done") asker.reply(outcome.reply, outcome.reply);
  else {
    const { id, code, message } = outcome.failure;
    asker.fail(Object.assign(errorOfReason(code, message), { id }));
  }
}

function collected(ctx: ReplyContext, untilMs: number, book: ReplyBook): void {
  if (book.collected.has(ctx.key)) return;
  book.collected.add(ctx.key);
  const afterMs = Math.max(Math.min(collectedKeepMs, untilMs - ctx.now), 0);
  ctx.schedule("expire", { afterMs }, ctx.self.at(Reply.expire) as Address<void>);
}
