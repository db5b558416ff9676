import type { IngressSendOptions } from "../runtime/language/ingress_options.ts";
import { actor } from "../runtime/language/actor.ts";
import type { Address, SendOptions } from "../runtime/language/address.ts";
import type { Context, Published, SubscribeOptions, Subscription } from "../runtime/language/context.ts";
import { Route } from "../runtime/messages/envelope.ts";
import type { Persistence } from "../runtime/durable/persistence.ts";
import { retryWhileUnavailable } from "../runtime/scheduling/retry_while_unavailable.ts";
import { messageOf, TerminalError } from "../runtime/base/errors.ts";
import { givenAddress } from "../runtime/language/given_address.ts";
import { Publication, subscribersMax, Topic, topicKey } from "../runtime/messages/builtin_protocols.ts";
import { nameOperations, type Operation, survey, tell } from "../runtime/language/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { unchecked } from "../runtime/language/schema.ts";
import { matchesSubject, parseSubjectPattern } from "../runtime/language/subject.ts";
import { codeOf } from "../runtime/base/thrown.ts";
import type { Turn } from "../runtime/turns/turn.ts";
import { subscribeDurably } from "./durable_subscription.ts";
import { Subscriber, Subscribers } from "./builtin/subscribers.ts";
import { acceptOnce } from "./tell.ts";

/**
 * Publish / subscribe: one envelope to the topic of the event, whose turn sends one to each subscriber. A subscriber is
 * an address. A local function gets an actor of its own, so that it has a mailbox and its failure affects nobody else.
 */
export function publish(
  runtime: Runtime,
  event: Operation,
  payload: unknown,
  options: (SendOptions & IngressSendOptions) | undefined,
): Promise<void> {
  try {
    const publication = new Publication(event, payload);
    publication.check();
    const topic = { protocol: Topic.publish.protocol, key: topicKey(event) };
    const route = runtime.route(Topic.publish, { options });
    const { persistence } = runtime;
    if (persistence === undefined) return acceptOnce(runtime, topic, route, publication);
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

/** Subscribes an address or a local function to all that is published here afterwards. */
export function subscribe(
  runtime: Runtime,
  event: Operation,
  to: Address | LocalListener,
  options: SubscribeOptions | undefined,
): Subscription {
  const subject = options?.subject;
  if (subject !== undefined) parseSubjectPattern(subject);
  if (runtime.persistence !== undefined) {
    return typeof to === "function"
      ? listenDurably(runtime, runtime.persistence, event, to, subject)
      : subscribeDurably(runtime, runtime.persistence, event, to, subject);
  }
  const listening: Listening | undefined = typeof to === "function" ? { listener: to } : undefined;
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
  listener: LocalListener,
  subject: string | undefined,
): Subscription {
  const listening: Listening = { listener };
  const address = openListener(runtime, event, listening);
  const pattern = subject === undefined ? undefined : parseSubjectPattern(subject);
  const following = event.mode === "survey"
    ? persistence.respondents.add(topicKey(event), address, pattern)
    : persistence.follow(topicKey(event), (logged) => {
      if (pattern !== undefined && !matchesSubject(pattern, logged.subject.split("."))) return;
      const publication = new Publication(event, logged.payload);
      runtime.delivery.deliver(address, new Route(Listener.hear, logged.id, logged.id), publication);
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

/** A function in this process that is called with each publication. Its result answers a survey. */
export type LocalListener = (payload: unknown, published: Published) => unknown;

interface Listening {
  listener: LocalListener | undefined;
}

const Listener = nameOperations("~listener", {
  listen: tell(unchecked<Listening>()),
  hear: survey(unchecked<Publication>(), unchecked<unknown>()),
  close: tell(),
});

function openListener(runtime: Runtime, event: Operation, listening: Listening): Address {
  runtime.delivery.requireRunning(`subscribe to ${topicKey(event)}`);
  const key = runtime.ids.text(runtime.ids.next());
  const address = { protocol: Listener.hear.protocol, key, operation: Listener.hear.name };
  runtime.delivery.accept(address, Listener.listen, listening);
  return address;
}

/**
 * The actor that calls one local function, with one message at a time. A failed message becomes a dead letter: it is
 * not retried.
 */
export const listenerActor = actor(Listener, {
  transient: true,
  state: (): Listening => ({ listener: undefined }),
  on: {
    listen(ctx, listening) {
      ctx.state = listening;
    },
    hear(ctx, publication) {
      const { value, subject } = publication.check();
      return ctx.state.listener?.(value, { id: ctx.causationId!, subject, input: publication.payload });
    },
    close: (ctx) => ctx.passivate(),
  },
  onFailure: "resume",
  idleMs: Infinity, // the end of its subscription passivates it
});

/** The actor of one event or survey: it has the subscribers, and sends each publication to them. */
export const topicActor = actor(Topic, {
  // Handlers change the state in place: with a copy for each, the cost of subscriptions would grow with their square. No
  // handler can fail after it has changed the state, so a failed turn still leaves no change.
  state: (): Subscribers => new Subscribers(),
  on: {
    publish(ctx, publication) {
      const turn = ctx as unknown as Turn;
      const { value, subject } = checked(publication);
      const { operation, payload } = publication;
      const { replyTo, deadline } = turn.route;
      const tokens = subject.split(".");
      let route: Route | undefined; // most subscribers have the operation of the one before
      for (const subscriber of subscribersOf(ctx).list()) {
        const { operation: hearing, pattern } = subscriber;
        if (pattern !== undefined && !matchesSubject(pattern, tokens)) continue;
        const checked = hearing.payload === operation.payload;
        if (route?.operation !== hearing) {
          const input = checked && !hearing.unchecked ? { payload } : undefined;
          route = turn.routeOf(hearing, { replyTo, deadline, input });
        }
        turn.postNow(subscriber, route, hearing === Listener.hear ? publication : checked ? value : payload);
      }
    },
    subscribe(ctx, { to, subject, token }) {
      const subscribers = subscribersOf(ctx);
      if (subscribers.size >= subscribersMax && !subscribers.has(to)) {
        throw new TerminalError(
          `Cannot subscribe to ${ctx.key}: it has ${subscribers.size} of ${subscribersMax} subscribers`,
          { code: "too-many-subscribers" },
        );
      }
      const operation = to.protocol === Listener.hear.protocol
        ? Listener.hear
        : (ctx as unknown as Turn).actor.services.delivery.operationAt(to);
      subscribers.set(new Subscriber(to, operation, token, subject));
      ctx.state = subscribers;
    },
    unsubscribe(ctx, { to, token }) {
      subscribersOf(ctx).delete(to, token); // if the address has subscribed again, this subscription is already over
      if (to.protocol !== Listener.close.protocol) return;
      const turn = ctx as unknown as Turn;
      turn.send(to, Listener.close, undefined); // after all that this topic has sent to it
    },
    leave: (ctx, actor) => subscribersOf(ctx).leave(actor),
    list(ctx) {
      const addresses = subscribersOf(ctx).list().filter(({ protocol }) =>
        protocol !== Listener.hear.protocol
      );
      return { subscriptions: addresses.map(({ subscribed }) => subscribed) };
    },
    remove: (ctx, { to }) => subscribersOf(ctx).delete(to, undefined),
  },
  mailbox: { capacity: 10_000 },
  onFailure: "resume",
  idleMs: Infinity, // there are only as many as events
});

/** The state, which the topic changes in place. */
function subscribersOf(ctx: Context<"~topic", Subscribers>): Subscribers {
  return ctx.state as Subscribers;
}

/** Checks a publication. Those of turns come unchecked; one that does not fit will never fit. */
function checked(publication: Publication): { readonly value: unknown; readonly subject: string } {
  try {
    return publication.check();
  } catch (error) {
    throw new TerminalError(messageOf(error), { code: codeOf(error, "failed"), cause: error });
  }
}
