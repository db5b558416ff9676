import { actor } from "../runtime/actor.ts";
import type { Address, SendOptions } from "../runtime/address.ts";
import type { Published, SubscribeOptions } from "../runtime/context.ts";
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
    const envelope = runtime.compose(Topic.publish, topicKey(event), publication, { options });
    runtime.seen.once(envelope, () => runtime.accept(envelope));
    return runtime.scheduler.pause ?? Promise.resolve();
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

interface Subscriber {
  readonly to: Address;
  readonly token: number | undefined;
  /** The tokens of its subject; absent where it takes everything. */
  readonly pattern: readonly string[] | undefined;
}

const subscribersMax = 100_000;

/** The actor of one event or survey: it knows the subscribers, and sends to each what is published. */
export const topicActor = actor(Topic, {
  // Changed in place: a copy for each subscription would make a thousand of them cost a million. No handler can fail
  // after it has changed the map, so a failed turn leaves none of it behind all the same.
  state: (): Map<string, Subscriber> => new Map(),
  on: {
    publish(ctx, publication) {
      const turn = ctx as unknown as Turn;
      const { value, subject } = checked(publication);
      const { operation, payload } = publication;
      const { replyTo, deadlineMs } = turn.envelope;
      const tokens = subject.split(".");
      for (const { to, pattern } of ctx.state.values()) {
        if (pattern !== undefined && !matchesSubject(pattern, tokens)) continue;
        if (to.protocol === Listener.hear.protocol) {
          turn.send(Listener.hear, to.key, publication, { replyTo, deadlineMs });
          continue;
        }
        const receiving = turn.operationAt(to);
        const envelope = turn.send(receiving, to.key, payload, { replyTo, deadlineMs });
        if (receiving.payload === operation.payload) envelope.value = value;
      }
    },
    subscribe(ctx, { to, subject, token }) {
      const subscribers = ctx.state as Map<string, Subscriber>;
      const name = nameOf(to);
      if (subscribers.size >= subscribersMax && !subscribers.has(name)) {
        throw new TerminalError(
          `Cannot subscribe to ${ctx.key}: it has ${subscribers.size} of ${subscribersMax} subscribers`,
          { code: "too-many-subscribers" },
        );
      }
      subscribers.set(name, {
        to,
        token,
        pattern: subject === undefined ? undefined : parseSubjectPattern(subject),
      });
      ctx.state = subscribers;
    },
    unsubscribe(ctx, { to, token }) {
      const turn = ctx as unknown as Turn;
      const subscribers = ctx.state as Map<string, Subscriber>;
      const name = nameOf(to);
      // The address may have subscribed again in the meantime: then this one is over already.
      if (token === undefined || subscribers.get(name)?.token === token) subscribers.delete(name);
      // Behind all that this topic has sent to it.
      if (to.protocol === Listener.close.protocol) turn.send(Listener.close, to.key, undefined, {});
    },
    leave(ctx, actor) {
      const subscribers = ctx.state as Map<string, Subscriber>;
      for (const [name, { to }] of subscribers) {
        if (to.protocol === actor.protocol && to.key === actor.key) subscribers.delete(name);
      }
    },
  },
  mailbox: { capacity: 10_000 },
  onFailure: "resume",
  idleMs: Infinity, // there is one for each event, and it is nobody else's to forget
});

function nameOf({ protocol, key, operation }: Address): string {
  return `${protocol}/${key}\n${operation}`;
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
