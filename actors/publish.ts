import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import type { Address, SendOptions } from "../runtime/language/address.ts";
import type { ListenOptions, Subscription } from "../runtime/language/context.ts";
import { Route } from "../runtime/messages/envelope.ts";
import type { Persistence } from "../runtime/durable/persistence.ts";
import { retryWhileUnavailable } from "../runtime/scheduling/retry_while_unavailable.ts";
import { givenAddress } from "../runtime/language/given_address.ts";
import { Publication, Topic, topicKey } from "../runtime/messages/builtin_protocols.ts";
import { requireTurnMs } from "../runtime/base/require.ts";
import type { Operation } from "../runtime/language/protocol.ts";
import { optionsIn, payloadIn } from "../runtime/language/sent_options.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { givenSubject, matchesSubject, parseSubjectPattern } from "../runtime/language/subject.ts";
import { Listener, type Listening, type LocalListener, openListener } from "./builtin/listener.ts";
import { subscribeDurably } from "./durable_subscription.ts";
import { acceptOnce } from "./tell.ts";

/**
 * Publish / subscribe: one envelope to the topic of the event, whose turn sends one to each subscriber. A subscriber is
 * an address. A local function gets an actor of its own, so that it has a mailbox and its failure does not affect the others.
 */
export function publish(
  runtime: Runtime,
  event: Operation,
  first: unknown,
  second: (SendOptions & IngressSendOptions) | undefined,
): Promise<void> {
  try {
    const payload = payloadIn(event, first);
    const options = optionsIn(event, first, second);
    runtime.remote?.requirePublishable(event);
    const publication = new Publication(event, payload);
    publication.check();
    const topic = { protocol: Topic.publish.protocol, key: topicKey(event) };
    const route = runtime.route(Topic.publish, { options });
    const { persistence } = runtime;
    if (persistence === undefined) {
      const accepted = acceptOnce(runtime, topic, route, publication);
      if (!runtime.remote?.copies(topic, route, publication)) return accepted;
      return accepted.then(() => runtime.remote!.publish(publication, route));
    }
    const joining = persistence.pendingSubscriptions.settle(topic.key);
    return persistence.whenFollowed(
      async () => await acceptOnce(runtime, topic, route, publication),
      joining,
      options?.bytes,
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Subscribes an address or a local function to everything that this system publishes afterwards. */
export function subscribe(
  runtime: Runtime,
  event: Operation,
  to: Address | LocalListener,
  options: ListenOptions | undefined,
): Subscription {
  const subject = givenSubject("system.subscribe", options);
  const { turnMs } = options ?? {};
  if (turnMs !== undefined) {
    requireTurnMs("turnMs of a subscription", turnMs);
    if (typeof to !== "function") {
      throw new TypeError("Cannot subscribe an address with turnMs: its actor has an option of that name");
    }
  }
  if (runtime.persistence !== undefined) {
    return typeof to === "function"
      ? listenDurably(runtime, runtime.persistence, event, { listener: to, turnMs }, subject)
      : subscribeDurably(runtime, runtime.persistence, event, to, subject);
  }
  const listening: Listening | undefined = typeof to === "function" ? { listener: to, turnMs } : undefined;
  const address = listening === undefined
    ? givenAddress(to as Address)
    : openListener(runtime, event, listening);
  const token = runtime.ids.next();
  const topic = { protocol: Topic.subscribe.protocol, key: topicKey(event) };
  try {
    runtime.delivery.accept(topic, Topic.subscribe, { to: address, subject, token });
  } catch (error) {
    if (listening !== undefined) {
      runtime.delivery.deliverTo({ ...address, operation: Listener.close.name }, undefined);
    }
    throw error;
  }
  let subscribed = true;
  return {
    ready: Promise.resolve(),
    [Symbol.dispose]() {
      if (listening !== undefined) listening.listener = undefined; // messages under way are dropped
      if (!subscribed || runtime.health.status !== "running") return;
      subscribed = false;
      runtime.delivery.deliverTo({ ...topic, operation: Topic.unsubscribe.name }, { to: address, token });
    },
  };
}

/** Subscribes a local function beside a store: to the log of an event from now on, or to surveys of this process. */
function listenDurably(
  runtime: Runtime,
  persistence: Persistence,
  event: Operation,
  listening: Listening,
  subject: string | undefined,
): Subscription {
  const address = openListener(runtime, event, listening);
  const pattern = subject === undefined ? undefined : parseSubjectPattern(subject);
  const following = event.mode === "survey"
    ? persistence.respondents.add(topicKey(event), address, pattern)
    : persistence.follow(topicKey(event), (logged) => {
      if (pattern !== undefined && !matchesSubject(pattern, logged.subject.split("."))) return;
      const publication = new Publication(event, logged.payload);
      const { id, headers } = logged;
      const extras = headers && { headers };
      const route = new Route(Listener.hear, id, id, undefined, undefined, extras);
      runtime.delivery.deliver(address, route, publication);
    });
  const over = () => listening.listener === undefined;
  const ready = event.mode === "survey"
    ? Promise.resolve()
    : retryWhileUnavailable(runtime, () => persistence.whenFollowed(async () => {}), over);
  ready.catch(() => {}); // the user need not await it
  return {
    ready,
    [Symbol.dispose]() {
      listening.listener = undefined; // messages under way are dropped
      following[Symbol.dispose]();
      if (runtime.health.status !== "running") return;
      runtime.delivery.deliverTo({ ...address, operation: Listener.close.name }, undefined);
    },
  };
}
