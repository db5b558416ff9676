import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import { abortable } from "@std/async/abortable";
import type { ActorId, AskOptions } from "../runtime/language/address.ts";
import type { Outgoing } from "../runtime/messages/outbox.ts";
import type { DeadlineWaiter, SharedDeadline } from "../runtime/scheduling/deadlines.ts";
import {
  type Asker,
  asks,
  deadlineAt,
  nameOf,
  type ReplyTarget,
  Route,
  type RouteExtras,
} from "../runtime/messages/envelope.ts";
import {
  DeadlineExceededError,
  NotFoundError,
  type PosthornError,
  ReplyPendingError,
  StillRunningError,
  StoppedError,
} from "../runtime/base/errors.ts";
import { requireDuration } from "../runtime/base/require.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { optionsIn, payloadIn } from "../runtime/language/sent_options.ts";
import type { Target } from "../runtime/target.ts";
import { requireCaller } from "../runtime/messages/reply_name.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { expiredAnswer } from "../runtime/messages/deduplication.ts";
import { shownName } from "../runtime/messages/shown_name.ts";
import type { Turn } from "../runtime/turns/turn.ts";
import { requireNoCycle } from "../runtime/turns/wait_chain.ts";
import { submitDurably } from "./durable_submit.ts";
import type { SubmitRequest } from "./reply_route.ts";
import { once } from "./tell.ts";

/**
 * Request / synchronous response: one message to one actor, whose `replyTo` is a promise that waits in this process
 * until the deadline. The deadline travels with the message, so that a turn does not begin if its caller has stopped
 * waiting.
 */
export function ask(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  first: unknown,
  second: (AskOptions & IngressSendOptions) | undefined,
  turn?: Turn,
): Promise<unknown> {
  try {
    const payload = payloadIn(operation, first);
    const options = optionsIn(operation, first, second);
    const named = options?.id !== undefined && turn === undefined && runtime.persistence?.has(to.protocol);
    if (named) return askByName(runtime, { to, operation, payload, options }, options);
    if (turn !== undefined || (options !== undefined && !isPlain(options))) {
      return askWith(runtime, to, operation, payload, options ?? {}, turn);
    }
    const timeoutMs = options?.timeoutMs ?? runtime.options.askTimeoutMs;
    if (options !== undefined) requireDuration("timeoutMs", timeoutMs);
    const extras = options === undefined ? undefined : originOf(options);
    const waiter = new PendingReply(operation, to.key, options?.raw ?? false, options?.asker);
    const answer = waiter.wait(runtime, timeoutMs);
    const route = new Route(operation, undefined, undefined, waiter, waiter.deadline, extras);
    acceptAsk(runtime, to, payload, route, waiter);
    return answer;
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Options of other sends, which the route refuses: no compiler may have looked. */
interface Unusable {
  readonly afterMs?: unknown;
  readonly at?: unknown;
}

/** Whether the options add nothing to the message but its caller and its size. */
function isPlain(
  { id, headers, signal, after, afterMs, at }: AskOptions & IngressSendOptions & Unusable,
): boolean {
  return (id ?? headers ?? signal ?? after ?? afterMs ?? at) === undefined;
}

/** The caller and the size of a message that came from outside of the program. */
function originOf({ caller, bytes }: IngressSendOptions): RouteExtras | undefined {
  if (caller !== undefined) requireCaller(caller);
  return (caller ?? bytes) === undefined ? undefined : { caller, bytes };
}

function askWith(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  payload: unknown,
  options: AskOptions & IngressSendOptions,
  turn: Turn | undefined,
): Promise<unknown> {
  const { signal } = options;
  signal?.throwIfAborted();
  const nowMs = runtime.clock.now();
  const timeoutMs = timeLeftMs(nowMs, options.timeoutMs ?? runtime.options.askTimeoutMs, turn);
  const raw = options.raw ?? false;
  const asker = options.asker ?? (signal === undefined ? undefined : { signal });
  const waiter = options.id === undefined
    ? new PendingReply(operation, to.key, raw, asker)
    : new NamedPendingReply(operation, to.key, raw, asker);
  const deadline = deadlineAt(nowMs + timeoutMs);
  const route = runtime.route(operation, { options, cause: turn, replyTo: waiter, deadline });
  for (const sent of turn === undefined ? [] : takeOutgoing(turn, to)) { // so that the ask follows it
    runtime.delivery.deliver(sent.to, sent.route, sent.payload);
  }
  const answer = once(runtime, to, route, payload, (remembered) => {
    // A durable actor never waits, so there is no cycle; and of other services nobody knows for whom they wait.
    const here = !runtime.persistence?.has(to.protocol) && !runtime.remote?.has(to.protocol);
    if (turn !== undefined && here) {
      return askInTurn(runtime, to, payload, route, waiter, timeoutMs, turn);
    }
    const answer = waiter.wait(runtime, timeoutMs);
    acceptAsk(runtime, to, payload, route, waiter);
    if (remembered !== undefined) {
      const keep = (value: unknown) => remembered.answered(value);
      answer.then(keep, keep);
      if (waiter instanceof NamedPendingReply) {
        waiter.onLate = (answer, value) => remembered.answeredLate(answer, value);
      }
    }
    return answer;
  });
  if (signal === undefined) return answer;
  const alone = route.extras?.scope === undefined; // otherwise others may wait for the same answer
  return abortable(answer, signal).finally(() => {
    if (!alone || waiter.over) return;
    waiter.end();
    runtime.persistence?.abandon(waiter);
  });
}

function askInTurn(
  runtime: Runtime,
  to: Target,
  payload: unknown,
  route: Route,
  waiter: PendingReply,
  timeoutMs: number,
  turn: Turn,
): Promise<unknown> {
  runtime.delivery.check(route.operation, to.key, payload); // before a receiver is activated for it
  const target = runtime.delivery.receiver(to, route.operation);
  const { waitsFor } = turn;
  requireNoCycle(runtime.delivery.find(turn.actor.protocol, turn.actor.key)!, target);
  waitsFor.push(target);
  const answer = waiter.wait(runtime, timeoutMs, () => void waitsFor.splice(waitsFor.indexOf(target), 1));
  const { interception } = turn;
  try {
    if (interception === undefined) runtime.delivery.deliver(to, route, payload);
    else interception.send(to, route, payload, (route) => runtime.delivery.deliver(to, route, payload));
  } catch (error) {
    waiter.end(); // an interceptor has sent nothing: nobody waits for that answer
    throw error;
  }
  runtime.scheduler.lookSoon();
  return answer;
}

/**
 * An ask of a durable actor with an id: it is a submit within, so that a repeat finds the answer to the first. If that
 * has not come yet, the repeat fails with a `StillRunningError`.
 */
async function askByName(
  runtime: Runtime,
  request: SubmitRequest,
  options: AskOptions & IngressSendOptions,
): Promise<unknown> {
  const timeoutMs = options.timeoutMs ?? runtime.options.askTimeoutMs;
  requireDuration("timeoutMs", timeoutMs);
  options.signal?.throwIfAborted();
  const name = nameOf(request.operation, request.to.key);
  const asker = options.asker ?? options;
  let key = "";
  let repeated = false;
  try {
    const { ticket, ...accepted } = await submitDurably(runtime, request, (own) => {
      runtime.askers.set(key = own, asker);
    });
    repeated = accepted.repeated;
    const reply = await ticket.collect(repeated ? 0 : timeoutMs, options.signal);
    return options.raw ? reply : ticket.parsed(reply);
  } catch (error) {
    if (repeated && error instanceof NotFoundError) throw expiredAnswer(name);
    if (!(error instanceof ReplyPendingError)) throw error;
    if (repeated) throw new StillRunningError(`Cannot ask ${name}: the first of this id is still running`);
    throw new DeadlineExceededError(`Cannot ask ${name}: no answer in ${timeoutMs} ms`);
  } finally {
    runtime.askers.delete(key);
  }
}

/** How long an ask may wait: within a turn never longer than until the deadline of the turn's own message. */
export function timeLeftMs(nowMs: number, timeoutMs: number, turn: Turn | undefined): number {
  requireDuration("timeoutMs", timeoutMs);
  const deadline = turn?.route.deadline;
  return deadline === undefined ? timeoutMs : Math.max(Math.min(timeoutMs, deadline.atMs - nowMs), 1);
}

/** Sends an ask. Its waiter must be ready, because the answer may come at once. */
function acceptAsk(runtime: Runtime, to: Target, payload: unknown, route: Route, waiter: PendingReply): void {
  try {
    const accepted = runtime.delivery.accept(to, route.operation, payload, route);
    accepted?.catch((error) => waiter.fail(error));
    if (waiter.deadline?.begun === false) runtime.scheduler.lookSoon();
  } catch (error) {
    waiter.end();
    throw error;
  }
}

/** Waits for one reply until a deadline. */
export class PendingReply implements ReplyTarget, DeadlineWaiter {
  readonly operation: Operation;
  readonly key: string;
  readonly asker: Asker | undefined;
  protected readonly raw: boolean;
  before: DeadlineWaiter | undefined = undefined;
  after: DeadlineWaiter | undefined = undefined;
  /** Until when it waits; absent if it does not wait. */
  deadline: SharedDeadline | undefined = undefined;
  private resolve!: (value: unknown) => void;
  private onOver: (() => void) | undefined = undefined;

  /** With `raw` it resolves with the schema's input, and not with its output. */
  constructor(operation: Operation, key: string, raw: boolean, asker?: Asker) {
    this.operation = operation;
    this.key = key;
    this.raw = raw;
    this.asker = asker;
  }

  get [asks](): true {
    return true;
  }

  get over(): boolean {
    return this.deadline === undefined;
  }

  /** Begins to wait. `onOver` is called when the waiting ends, for whatever reason. */
  wait(runtime: Runtime, timeoutMs: number, onOver?: () => void): Promise<unknown> {
    this.onOver = onOver;
    const { deadlines, remote } = runtime;
    const isRemote = remote !== undefined && remote.has(this.operation.protocol);
    this.deadline = isRemote ? deadlines.addNow(this, timeoutMs) : deadlines.add(this, timeoutMs);
    return new Promise((resolve) => this.resolve = resolve);
  }

  reply(output: unknown, input: unknown): void {
    this.end();
    this.resolve(this.raw ? input : output);
  }

  fail(error: PosthornError): void {
    this.end();
    const rejected = Promise.reject(error); // to keep a second function would cost every ask that is answered
    rejected.catch(() => {}); // the asker gets the rejection through its own promise
    this.resolve(rejected);
  }

  expire(): void {
    this.fail(this.late(this.deadline!.timeoutMs));
  }

  stopped(): void {
    this.fail(new StoppedError(`Cannot ask ${shownName(this.operation, this.key)}: the system has stopped`));
  }

  /** Ends the waiting, for whatever reason. */
  end(): void {
    const { deadline } = this;
    if (deadline === undefined) return;
    this.deadline = undefined;
    deadline.remove(this);
    if (this.onOver !== undefined) this.onOver();
  }

  /** The error if the time is up. */
  protected late(timeoutMs: number): PosthornError {
    return new DeadlineExceededError(
      `Cannot ask ${shownName(this.operation, this.key)}: no answer in ${timeoutMs} ms`,
    );
  }
}

/** Waits for the reply to an ask with an id. A reply that comes too late is kept for a repeat. */
class NamedPendingReply extends PendingReply {
  onLate: ((answer: Promise<unknown>, value: unknown) => void) | undefined = undefined;

  override reply(output: unknown, input: unknown): void {
    if (!this.over) return super.reply(output, input);
    const reply = this.raw ? input : output;
    this.onLate?.(Promise.resolve(reply), reply);
  }

  override fail(error: PosthornError): void {
    if (!this.over) return super.fail(error);
    const rejected = Promise.reject(error);
    rejected.catch(() => {}); // there may be no repeat
    this.onLate?.(rejected, error);
  }
}

/** Removes and returns the messages of a turn to one actor, so that they can be sent before the commit. */
function takeOutgoing(turn: Turn, { protocol, key }: ActorId): Outgoing[] {
  const taken: Outgoing[] = [];
  const all = turn.outgoing;
  turn.discard();
  for (const outgoing of all) {
    const { to, route, payload } = outgoing;
    if (to.protocol === protocol && to.key === key) taken.push(outgoing);
    else turn.post(to, route, payload);
  }
  return taken;
}
