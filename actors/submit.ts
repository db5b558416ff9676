import { abortable } from "@std/async";
import { decodeTime } from "@std/ulid";
import { type Actor, actor } from "../runtime/actor.ts";
import type { Address, SubmitOptions } from "../runtime/address.ts";
import type { Context } from "../runtime/context.ts";
import { errorOfReason } from "../runtime/dead_letters.ts";
import { type Asker, isAsker } from "../runtime/envelope.ts";
import {
  IdReusedError,
  ReplyPendingError,
  requireDuration,
  TerminalError,
  UnknownError,
} from "../runtime/errors.ts";
import type { Failure } from "../runtime/failure.ts";
import { isGivenId } from "../runtime/ids.ts";
import { Reply } from "../runtime/modes.ts";
import type { Operation } from "../runtime/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { parse, type Schema } from "../runtime/schema.ts";
import type { Ticket, TicketOptions } from "../runtime/ticket.ts";
import type { Turn } from "../runtime/turn.ts";
import { sendAsk, Waiter } from "./ask.ts";

/**
 * Request / asynchronous response: one envelope to one actor, whose `replyTo` is an address. Where the caller names
 * none, it is the address of a reply: an actor of its own, which keeps what comes until it is collected or expires.
 */
export function submit(
  runtime: Runtime,
  operation: Operation,
  key: string,
  payload: unknown,
  options: SubmitOptions<unknown> | undefined,
): Promise<Ticket<unknown>> {
  try {
    const id = options?.id ?? runtime.newId();
    const reply = { protocol: Reply.open.protocol, key: replyKey(id, options?.caller) };
    const kept = options?.replyTo === undefined;
    const envelope = runtime.compose(operation, key, payload, {
      options,
      id,
      replyTo: kept ? { ...reply, operation: Reply.arrive.name } : options.replyTo,
      failTo: options?.failTo ?? (kept ? { ...reply, operation: Reply.refuse.name } : undefined),
    });
    return runtime.seen.once(envelope, () => {
      if (!kept) {
        runtime.accept(envelope);
        return Promise.resolve(new AddressedTicket(id));
      }
      if (runtime.find(reply) !== undefined) {
        const why = `the id ${JSON.stringify(id)} names another request whose reply is kept`;
        throw new IdReusedError("id-in-use", `Cannot accept ${envelope}: ${why}`);
      }
      envelope.check();
      runtime.accept(runtime.compose(Reply.open, reply.key, undefined, {})); // before it is sent: the reply may come at once
      try {
        runtime.accept(envelope);
      } catch (error) {
        runtime.deliverTo({ ...reply, operation: Reply.expire.name }, undefined);
        throw error;
      }
      return Promise.resolve(new KeptTicket(runtime, id, options?.caller, operation.reply));
    });
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The ticket of a request that was submitted before, here or elsewhere. Its reply comes as it travels. */
export function ticketOf(runtime: Runtime, id: string, caller?: string): Ticket<unknown> {
  return new KeptTicket(runtime, id, caller, undefined);
}

function replyKey(id: string, caller = ""): string {
  return caller === "" ? id : `${caller}\n${id}`;
}

function idOf(replyKey: string): string {
  return replyKey.slice(replyKey.lastIndexOf("\n") + 1);
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
    const kept = isGivenId(this.id) && runtime.find({ protocol: Reply.collect.protocol, key: this.#key });
    if (!kept) throw this.#unknown();
    const { timeoutMs = 5_000, signal } = options ?? {};
    signal?.throwIfAborted();
    if (timeoutMs !== 0) requireDuration("timeoutMs", timeoutMs);
    const what = `Cannot collect the reply ${this.id}`;
    const late = () => new ReplyPendingError(`${what}: it did not come in ${timeoutMs} ms`);
    const waiter = new Waiter(Math.max(timeoutMs, 1), false, late);
    const wait = timeoutMs > 0;
    const envelope = runtime.compose(Reply.collect, this.#key, { wait }, { replyTo: waiter });
    const answer = sendAsk(runtime, envelope, waiter);
    let reply: unknown;
    try {
      reply = await (signal === undefined ? answer : abortable(answer, signal));
    } finally {
      waiter.end(); // who was interrupted has not collected it
    }
    if (this.#schema === undefined) return reply;
    return parse(this.#schema, reply, () => what);
  }

  /** An id carries its time, so no trace of a reply is needed to tell that it has expired. */
  #unknown(): UnknownError {
    const { clock, options } = this.#runtime;
    const atMs = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(this.id) ? decodeTime(this.id) : Infinity;
    if (atMs + options.replyKeepMs > clock.now()) {
      return unknown(this.id);
    }
    return expired(this.id, options.replyKeepMs);
  }
}

function unknown(id: string): UnknownError {
  return new UnknownError("unknown-reply", `Cannot collect the reply ${id}: no such reply is kept`);
}

function expired(id: string, keepMs: number): UnknownError {
  return new UnknownError("expired-reply", `Cannot collect the reply ${id}: it was kept for ${keepMs} ms`);
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

/** A collected reply is kept a little longer: the answer that carried it may have been lost on its way. */
const collectedKeepMs = 60_000;

type ReplyState =
  | { readonly status: "absent" }
  | { readonly status: "pending"; readonly waiting: readonly Asker[] }
  | { readonly status: "done"; readonly reply: unknown; readonly collected: boolean }
  | { readonly status: "failed"; readonly failure: Failure; readonly collected: boolean };

type ReplyContext = Context<"~reply", ReplyState>;

/** The actor that keeps the reply of one submit, for so long from the submit on. */
export function replyActor(keepMs: number): Actor<"~reply"> {
  return actor(Reply, {
    state: (): ReplyState => ({ status: "absent" }),
    on: {
      open(ctx) {
        ctx.state = { status: "pending", waiting: [] };
        ctx.schedule("expire", { afterMs: keepMs }, ctx.self.at(Reply.expire));
      },
      arrive: (ctx, reply) => settle(ctx, { status: "done", reply, collected: false }),
      refuse: (ctx, failure) => settle(ctx, { status: "failed", failure, collected: false }),
      collect(ctx, { wait }) {
        const turn = ctx as unknown as Turn;
        const asker = turn.defer();
        if (asker === undefined || !isAsker(asker)) return;
        const state = ctx.state as ReplyState;
        if (state.status === "absent") { // it expired when this was on its way
          ctx.stop();
          return asker.fail(unknown(idOf(ctx.key)));
        }
        if (state.status === "pending" && !wait) {
          return asker.fail(
            new ReplyPendingError(`Cannot collect the reply ${idOf(ctx.key)}: it is pending`),
          );
        }
        if (state.status === "pending") {
          const waiting = state.waiting.filter((other) => !other.over);
          ctx.state = { status: "pending", waiting: [...waiting, asker] };
          return;
        }
        answer(asker, state);
        collected(ctx, state);
      },
      expire(ctx) {
        const state = ctx.state as ReplyState;
        if (state.status === "pending") {
          for (const asker of state.waiting) asker.fail(expired(idOf(ctx.key), keepMs));
        }
        ctx.cancel("expire");
        ctx.stop();
      },
    },
    onFailure: "resume",
    idleMs: Infinity, // it ends itself
    onIdle: "drop",
  });
}

function settle(ctx: ReplyContext, outcome: ReplyState & { readonly status: "done" | "failed" }): void {
  const state = ctx.state as ReplyState;
  if (state.status !== "pending") {
    throw new TerminalError(`The reply to ${idOf(ctx.key)} came when nobody waited for it`, {
      code: "late-reply",
    });
  }
  const waiting = state.waiting.filter((asker) => !asker.over);
  for (const asker of waiting) answer(asker, outcome);
  ctx.state = outcome;
  if (waiting.length > 0) collected(ctx, outcome);
}

function answer(asker: Asker, outcome: ReplyState & { readonly status: "done" | "failed" }): void {
  if (outcome.status === "done") asker.reply(outcome.reply, outcome.reply);
  else asker.fail(errorOfReason(outcome.failure.code, outcome.failure.message));
}

function collected(ctx: ReplyContext, outcome: ReplyState & { readonly status: "done" | "failed" }): void {
  if (outcome.collected) return;
  ctx.state = { ...outcome, collected: true };
  ctx.schedule("expire", { afterMs: collectedKeepMs }, ctx.self.at(Reply.expire) as Address<void>);
}
