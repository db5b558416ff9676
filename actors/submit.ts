import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import { abortable } from "@std/async/abortable";
import type { SubmitOptions } from "../runtime/language/address.ts";
import { type PosthornError, ReplyPendingError } from "../runtime/base/errors.ts";
import type { DelayOptions } from "../runtime/language/when.ts";
import { Reply } from "../runtime/messages/builtin_protocols.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { optionsIn, payloadIn } from "../runtime/language/sent_options.ts";
import {
  addressedReply,
  expiredReply,
  isCaller,
  noReply,
  pendingReply,
  type ReplyAim,
  replyKey,
  replyNameOf,
  stoppedCollecting,
  timeOfReplyName,
  unknownReply,
} from "../runtime/messages/reply_name.ts";
import type { Route } from "../runtime/messages/envelope.ts";
import type { Target } from "../runtime/target.ts";
import { cancelInMemory } from "../runtime/in_memory_cancellation.ts";
import { errorOf, type KeptReply } from "../runtime/in_memory_replies.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Cancellation, Ticket } from "../runtime/language/ticket.ts";
import { givenUpFailure } from "../runtime/activations/take_back.ts";
import type { Failure } from "../runtime/language/failure.ts";
import type { PendingRequest } from "../runtime/remote/pending_replies.ts";
import { PendingReply } from "./ask.ts";
import { DurableTicket, submitDurably } from "./durable_submit.ts";
import { routeToReply, type SubmitRequest } from "./reply_route.ts";
import { ReplyTicket } from "./reply_ticket.ts";
import { once } from "./tell.ts";
import { withdraw } from "./withdraw.ts";
import { submitBeside } from "./transient_submit.ts";

/**
 * Request / asynchronous response: one envelope to one actor, whose `replyTo` is an address. If the caller names none,
 * it is the address of a reply, which is kept until it is collected or expires.
 */
export function submit(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  first: unknown,
  second: (SubmitOptions<unknown> & DelayOptions & IngressSendOptions) | undefined,
): Promise<Ticket<unknown>> {
  try {
    const payload = payloadIn(operation, first);
    const options = optionsIn(operation, first, second);
    const request = { to, operation, payload, options };
    if (options?.replyTo !== undefined) return submitTo(runtime, request);
    if (runtime.persistence === undefined) return submitInMemory(runtime, request);
    if (!runtime.delivery.commits(to.protocol)) return submitBeside(runtime, request);
    return submitDurably(runtime, request).then(({ ticket }) => ticket);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Submits with an address for the reply. Such a reply has no name: the ticket has the id of the message. */
function submitTo(
  runtime: Runtime,
  { to, operation, payload, options }: SubmitRequest,
): Promise<Ticket<unknown>> {
  const { id = runtime.ids.ulid() } = options ?? {};
  const { replyTo, failTo } = runtime.laters.addresses(options);
  const route = runtime.route(operation, { options, id, replyTo, failTo });
  const ticket = {
    id,
    reply: () => Promise.reject(addressedReply(id, "collect")),
    cancel: () => Promise.reject(addressedReply(id, "cancel")),
  };
  return once(runtime, to, route, payload, () => {
    const committed = runtime.delivery.accept(to, operation, payload, route); // if it throws, the id may be sent again
    return ticketAfter(runtime, committed, ticket);
  });
}

function submitInMemory(runtime: Runtime, request: SubmitRequest): Promise<Ticket<unknown>> {
  const { to, operation, payload, options } = request;
  const { route, name, key } = routeToReply(runtime, request, options?.id);
  return once(runtime, to, route, payload, (remembered) => {
    const kept = openReply(runtime, to, route, payload, key); // before the message is sent, which may fail at once
    let sent: Promise<unknown> | undefined; // to another service
    try {
      sent = runtime.delivery.accept(to, operation, payload, route);
    } catch (error) {
      runtime.replies.remove(kept);
      throw error;
    }
    sent?.catch(() => {
      runtime.replies.remove(kept);
      remembered?.refused();
    });
    runtime.replies.accepted();
    return ticketAfter(runtime, sent, new InMemoryTicket(runtime, name, key, operation.reply));
  });
}

/** Keeps the reply of a request. If there is no room, but the request could never be accepted, throws the reason of that. */
function openReply(runtime: Runtime, to: Target, route: Route, payload: unknown, key: string): KeptReply {
  try {
    const kept = runtime.replies.open(key, route.extras?.caller, route.extras?.delay?.delayMs);
    kept.to = { protocol: to.protocol, key: to.key };
    return kept;
  } catch (error) {
    runtime.delivery.requireAcceptable(to, route.operation, payload);
    throw error;
  }
}

async function ticketAfter(
  runtime: Runtime,
  committed: Promise<unknown> | undefined,
  ticket: Ticket<unknown>,
): Promise<Ticket<unknown>> {
  await committed;
  await runtime.scheduler.pause;
  return ticket;
}

/**
 * The ticket of a request that was submitted before, here or elsewhere. Without the operation it gives the reply as it
 * travels. If `id` is no name of a reply, or the name of the caller is not valid, nothing is looked up.
 */
export function ticketOf(
  runtime: Runtime,
  id: string,
  operation: Operation | undefined,
  caller = "",
): Ticket<unknown> {
  if (timeOfReplyName(id) === undefined || !isCaller(caller)) {
    const refuse = async (aim: ReplyAim) => {
      await runtime.persistence?.opened; // if the store cannot be used, that is the error
      throw noReply(id, aim);
    };
    return { id, reply: () => refuse("collect"), cancel: () => refuse("cancel") };
  }
  const Kept = runtime.persistence === undefined ? InMemoryTicket : DurableTicket;
  return new Kept(runtime, id, replyKey(id, caller), operation?.reply);
}

/** The ticket of a reply that is kept in memory. */
class InMemoryTicket extends ReplyTicket {
  async collect(timeoutMs: number, signal?: AbortSignal, peek = false): Promise<unknown> {
    const { delivery, replies } = this.runtime;
    const kept = replies.find(this.key) ?? await this.#findLater();
    if (delivery.status === "stopped") throw stoppedCollecting(this.id);
    return kept.outcome === undefined && timeoutMs > 0
      ? await this.#wait(kept, timeoutMs, signal)
      : await this.#take(kept, peek, signal);
  }

  protected async takeBack(timeoutMs: number): Promise<Cancellation | undefined> {
    const late = Promise.withResolvers<void>();
    const timer = this.runtime.timers.set(timeoutMs, late.resolve, late.resolve);
    try {
      return await this.#takeBackUntil(late, timeoutMs > 0);
    } finally {
      timer.cancel();
    }
  }

  async #takeBackUntil(
    late: PromiseWithResolvers<void>,
    waits: boolean,
  ): Promise<Cancellation | undefined> {
    const { timers, clock, remote, replies } = this.runtime;
    const kept = replies.find(this.key) ?? await this.#findLater("cancel");
    if (this.runtime.delivery.status === "stopped") throw stoppedCollecting(this.id, "cancel");
    if (kept.later !== undefined && kept.cancellation === undefined) {
      await withdraw(this.runtime, kept.later, waits ? late.promise : undefined);
    }
    const decided = cancelInMemory(this.runtime, kept);
    if (decided !== undefined) return decided;
    const request = remote?.cancel(this.key);
    const { deadlineMs } = request?.sent ?? {};
    let isDue = false;
    const due = () => {
      isDue = true;
      late.resolve();
    };
    const leftMs = (deadlineMs ?? Infinity) - clock.now();
    const timer = leftMs === Infinity ? undefined : timers.set(Math.max(leftMs, 0), due, late.resolve);
    if (leftMs <= 0) due();
    await Promise.race([kept.end, late.promise]);
    timer?.cancel();
    if (kept.cancellation === undefined && request !== undefined && isDue) {
      replies.cancel(kept, failureOf(request), "given-up");
    }
    return kept.cancellation;
  }

  /** Looks again after a turn: the turn that submits may not have committed yet. */
  async #findLater(aim?: ReplyAim): Promise<KeptReply> {
    const { scheduler, replies } = this.runtime;
    await scheduler.turn();
    const kept = replies.find(this.key);
    if (kept !== undefined) return kept;
    throw this.#isGone() ? expiredReply(this.id, aim) : unknownReply(this.id, aim);
  }

  async #take(kept: KeptReply, peek: boolean, signal: AbortSignal | undefined): Promise<unknown> {
    const { scheduler, replies } = this.runtime;
    await scheduler.turn();
    signal?.throwIfAborted();
    const { outcome } = kept;
    if (outcome === undefined) throw pendingReply(this.id);
    if (!peek) replies.collect(kept);
    if ("failure" in outcome) throw errorOf(outcome);
    return outcome.reply;
  }

  async #wait(kept: KeptReply, timeoutMs: number, signal: AbortSignal | undefined): Promise<unknown> {
    const waiter = new ReplyWaiter(Reply.arrive, this.key, false);
    const answer = waiter.wait(this.runtime, timeoutMs);
    try {
      kept.wait(waiter);
      this.runtime.scheduler.lookSoon();
      return await (signal === undefined ? answer : abortable(answer, signal));
    } finally {
      waiter.end(); // after an interruption the reply is not collected
    }
  }

  /** Whether it was kept, or is older than any reply that is kept. */
  #isGone(): boolean {
    const { clock, replies, options } = this.runtime;
    return replies.expired.has(this.key) ||
      timeOfReplyName(this.id)! + options.replyRetentionMs <= clock.now();
  }
}

function failureOf({ to: { protocol, key }, sent: { id, operation } }: PendingRequest): Failure {
  return givenUpFailure(id, `${protocol}/${key} ${operation}`);
}

/** Waits for the reply of a ticket. */
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
