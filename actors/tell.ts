import type { TellOptions } from "../runtime/language/address.ts";
import { Envelope, isReplyTarget, type Route } from "../runtime/messages/envelope.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { optionsIn, payloadIn } from "../runtime/language/sent_options.ts";
import type { Target } from "../runtime/target.ts";
import type { Runtime } from "../runtime/runtime.ts";
import type { Remembered } from "../runtime/messages/deduplication.ts";

/** The result of every accepted notification: one promise for all, so that awaiting it costs nothing. */
const accepted: Promise<void> = Promise.resolve();

/**
 * Notification: one message to one actor, and no reply. It is accepted when it is in the mailbox, so there is nothing
 * to wait for. But while the event loop has its turn, a loop of awaited tells waits for it.
 */
export function tell(
  runtime: Runtime,
  to: Target,
  operation: Operation,
  first: unknown,
  second: TellOptions | undefined,
): Promise<void> {
  try {
    if (second === undefined && operation.payload !== undefined) {
      return acceptPlain(runtime, to, operation, first);
    }
    const payload = payloadIn(operation, first);
    const options = optionsIn(operation, first, second);
    if (options !== undefined) return acceptOnce(runtime, to, runtime.route(operation, { options }), payload);
    return acceptPlain(runtime, to, operation, payload);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Accepts a message that is only its payload, or throws. */
function acceptPlain(runtime: Runtime, to: Target, operation: Operation, payload: unknown): Promise<void> {
  const committed = runtime.delivery.accept(to, operation, payload);
  return committed === undefined ? runtime.scheduler.pause ?? accepted : committed.then(nothing);
}

/** Accepts a message from outside, or throws. A repeat of an accepted message has no effect. */
export function acceptOnce(runtime: Runtime, to: Target, route: Route, payload: unknown): Promise<void> {
  const accept = (remembered?: Remembered) => {
    const committed = runtime.delivery.accept(to, route.operation, payload, route);
    if (remembered !== undefined) committed?.catch(() => remembered.refused());
    return committed;
  };
  const committed = once(runtime, to, route, payload, accept);
  return committed === undefined ? runtime.scheduler.pause ?? accepted : committed.then(nothing);
}

function nothing(): void {}

/**
 * Answers a repeated message as the first was, and a new one with `accept`. A store knows the ids of durable receivers
 * itself.
 */
export function once<Answer>(
  runtime: Runtime,
  to: Target,
  route: Route,
  payload: unknown,
  accept: (remembered?: Remembered) => Answer,
): Answer {
  const { protocol } = to;
  if (route.extras?.scope === undefined || runtime.persistence?.has(protocol)) return accept();
  if (runtime.delivery.commits(protocol) && !isReplyTarget(route.replyTo)) return accept();
  const { deduplication } = runtime.delivery;
  const envelope = new Envelope(route, to.key, route.extras.id!, payload);
  let isNew = false;
  const answer = deduplication.once(envelope, (remembered) => {
    isNew = true;
    return accept(remembered);
  });
  // If another service answers later, nobody says so here.
  const isAway = isNew && route.operation.mode === "submit" && runtime.remote?.takes(to) === true;
  if (isAway) {
    deduplication.extend(envelope, runtime.options.laterMs + (route.extras.delay?.delayMs ?? 0));
  }
  return answer;
}
