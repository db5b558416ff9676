import { actor } from "../runtime/actor.ts";
import type { Address, SendOptions } from "../runtime/address.ts";
import type { Context, Published, SubscribeOptions } from "../runtime/context.ts";
import { PosthornError, TerminalError } from "../runtime/errors.ts";
import { Publication, Topic, topicKey } from "../runtime/modes.ts";
import {
  nameOperations,
  type Operation,
  type Protocol,
  type Survey,
  survey,
  type Tell,
  tell,
} from "../runtime/protocol.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { unchecked } from "../runtime/schema.ts";
import { matchesSubject, parseSubjectPattern } from "../runtime/subject.ts";
import type { Turn } from "../runtime/turn.ts";
import { Subscribers } from "./subscribers.ts";
import { acceptOnce } from "./tell.ts";

/**
 * Publish / subscribe: one envelope to the topic of the event, whose turn sends one to each subscriber. A subscriber
 * is an address; a local function becomes one, so it has a mailbox and its failure touches nobody else.
 */
export function publish(
  runtime: Runtime,
  event: Operation,
  payload: unknown,
  options: SendOptions | undefined,
): Promise<void> {
  try {
    const publication = new Publication(event, payload);
    publication.check();
    return acceptOnce(runtime, runtime.compose(Topic.publish, topicKey(event), publication, { options }));
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Subscribes an address or a local function. The subscription holds for all that is published here afterwards. */
export function subscribe(
  runtime: Runtime,
  event: Operation,
  to: Address | LocalListener,
  options: SubscribeOptions | undefined,
): Disposable {
  const subject = options?.subject;
  if (subject !== undefined) parseSubjectPattern(subject);
  const listening: Listening | undefined = typeof to === "function" ? { listener: to } : undefined;
  const address = listening === undefined ? to as Address : openListener(runtime, listening);
  const token = runtime.ids.next();
  const topic = { protocol: Topic.subscribe.protocol, key: topicKey(event) };
  try {
    runtime.accept(runtime.compose(Topic.subscribe, topic.key, { to: address, subject, token }, {}));
  } catch (error) {
    if (listening !== undefined) runtime.deliverTo({ ...address, operation: Listener.close.name }, undefined);
    throw error;
  }
  let subscribed = true;
  return {
    [Symbol.dispose]() {
      if (listening !== undefined) listening.listener = undefined; // what is on its way is not heard any more
      if (!subscribed || runtime.health.status !== "running") return;
      subscribed = false;
      runtime.deliverTo({ ...topic, operation: Topic.unsubscribe.name }, { to: address, token });
    },
  };
}

/** A function in this process that takes what is published. What it returns answers a survey. */
export type LocalListener = (payload: unknown, published: Published) => unknown;

interface Listening {
  listener: LocalListener | undefined;
}

const Listener: Protocol<"~listener", {
  listen: Tell<Listening>;
  hear: Survey<Publication, unknown>;
  close: Tell<void>;
}> = nameOperations("~listener", {
  listen: tell(unchecked<Listening>()),
  hear: survey(unchecked<Publication>(), unchecked<unknown>()),
  close: tell(),
});

function openListener(runtime: Runtime, listening: Listening): Address {
  const key = runtime.ids.text(runtime.ids.next());
  runtime.accept(runtime.compose(Listener.listen, key, listening, {}));
  return { protocol: Listener.hear.protocol, key, operation: Listener.hear.name };
}

/** The actor that calls one local function, one message at a time. A failure is a dead letter: a function is not tried again. */
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
    close: (ctx) => ctx.stop(),
  },
  onFailure: "resume",
  idleMs: Infinity, // its subscription ends it
  onIdle: "drop",
});

const subscribersMax = 100_000;

/** The actor of one event or survey: it knows the subscribers, and sends to each what is published. */
export const topicActor = actor(Topic, {
  // Changed in place: a copy for each subscription would make a thousand of them cost a million. No handler can fail
  // after it has changed them, so a failed turn leaves none of it behind all the same.
  state: (): Subscribers => new Subscribers(),
  on: {
    publish(ctx, publication) {
      const turn = ctx as unknown as Turn;
      const { value, subject } = checked(publication);
      const { operation, payload } = publication;
      const { replyTo, deadlineMs } = turn.envelope;
      const tokens = subject.split(".");
      subscribersOf(ctx).forEach(({ to, pattern }) => {
        if (pattern !== undefined && !matchesSubject(pattern, tokens)) return;
        if (to.protocol === Listener.hear.protocol) {
          turn.send(Listener.hear, to.key, publication, { replyTo, deadlineMs });
          return;
        }
        const receiving = turn.operationAt(to);
        const envelope = turn.send(receiving, to.key, payload, { replyTo, deadlineMs });
        if (receiving.payload === operation.payload) envelope.value = value;
      });
    },
    subscribe(ctx, { to, subject, token }) {
      const subscribers = subscribersOf(ctx);
      if (subscribers.size >= subscribersMax && !subscribers.has(to)) {
        throw new TerminalError(
          `Cannot subscribe to ${ctx.key}: it has ${subscribers.size} of ${subscribersMax} subscribers`,
          { code: "too-many-subscribers" },
        );
      }
      subscribers.set(to, subject, token);
      ctx.state = subscribers;
    },
    unsubscribe(ctx, { to, token }) {
      subscribersOf(ctx).delete(to, token); // the address may have subscribed again: then this one is over already
      if (to.protocol !== Listener.close.protocol) return;
      const turn = ctx as unknown as Turn;
      turn.send(Listener.close, to.key, undefined, {}); // behind all that this topic has sent to it
    },
    leave: (ctx, actor) => subscribersOf(ctx).leave(actor),
  },
  mailbox: { capacity: 10_000 },
  onFailure: "resume",
  idleMs: Infinity, // there is one for each event, and it is nobody else's to forget
});

/** Its own state, which it may change. */
function subscribersOf(ctx: Context<"~topic", Subscribers>): Subscribers {
  return ctx.state as Subscribers;
}

/** A turn publishes unchecked: what does not fit is found here, and will never fit. */
function checked(publication: Publication): { readonly value: unknown; readonly subject: string } {
  try {
    return publication.check();
  } catch (error) {
    if (!(error instanceof PosthornError)) throw error; // its `subject` function's own
    throw new TerminalError(error.message, { code: error.code, cause: error });
  }
}
