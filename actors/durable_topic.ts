import { type Actor, actor } from "../runtime/language/actor.ts";
import type { ActorId, Address } from "../runtime/language/address.ts";
import type { Context } from "../runtime/language/context.ts";
import type { StoredPublication } from "../runtime/durable/delivery/message_writer.ts";
import { namedOperation } from "../runtime/durable/delivery/message_writer.ts";
import type { DurableActor } from "../runtime/durable/activations/durable_actor.ts";
import type { DurableTurn } from "../runtime/durable/activations/durable_turn.ts";
import { WriteSet } from "../runtime/durable/commits/write_set.ts";
import type { EventHead } from "../runtime/durable/delivery/event_log_rows.ts";
import {
  eventKey,
  subscribedKey,
  subscriberActorPrefix,
  subscriberKey,
  subscriberPrefix,
} from "../runtime/durable/rows/keys.ts";
import { decodeValue, encodeValue, toText } from "../runtime/durable/rows/value_codec.ts";
import { TerminalError } from "../runtime/base/errors.ts";
import {
  type SubscriptionRequest,
  type SubscriptionsPage,
  Topic,
  type Unsubscription,
} from "../runtime/messages/builtin_protocols.ts";
import type { StoreConnection } from "../runtime/ports/store.ts";
import { matchesSubject, parseSubjectPattern } from "../runtime/language/subject.ts";
import { subscribersMax } from "./builtin/subscribers.ts";

/** What a topic keeps in its state; its subscribers and its events are rows of their own. */
interface TopicState {
  /** How many events there have been. */
  readonly events: number;
  readonly subscribers: number;
  /**
   * Where to go on with events of which only some subscribers have been sent to, by their places: where clocks differ,
   * one may come in front of another that is in its midst, and one that was given up may be sent again.
   */
  readonly cursors?: Readonly<Record<string, string>> | undefined;
}

/** A subscriber as its row says, ready to be sent to; without an address where the row cannot be read. */
interface KnownSubscriber {
  readonly key: string;
  readonly to: Address | undefined;
  readonly subject: string | undefined;
  readonly pattern: readonly string[] | undefined;
}

/** How many subscribers one commit sends to at the most. */
const pageMax = 200;
/** How much of a commit's room the messages of one page may take. */
const share = 0.5;
/** What a message takes beside its payload, and its key beside the names of its receiver; rounded up. */
const headBytes = 1_000;
const placeBytes = 80;
const encoder = new TextEncoder();
/** Of so many events, in their midst or given up, it is known who has them; of older ones that is forgotten. */
const cursorsMax = 100;
/** How many rows of an actor that leaves, an operation each, go in one commit: their keys must find room, however long. */
const leavesMax = 25;

type TopicContext = Context<"~topic", TopicState>;

/**
 * The durable actor of one event or survey. What is published goes into its log and to its subscribers in pages: each is
 * a commit that moves a cursor, and the last takes the event out of the mailbox, so each subscriber is sent to once.
 */
export function durableTopicActor(eventsMax: number): Actor {
  return actor(Topic, {
    state: (): TopicState => ({ events: 0, subscribers: 0 }),
    on: {
      publish(ctx, publication) {
        return publish(ctx, publication as unknown as StoredPublication, eventsMax);
      },
      subscribe: (ctx, subscription) => subscribe(ctx, subscription),
      unsubscribe: async (ctx, unsubscription) => void await unsubscribe(ctx, unsubscription),
      leave: (ctx, id) => leave(ctx, id),
      list: (ctx, { after }) => list(ctx, after),
      remove: (ctx, unsubscription) => unsubscribe(ctx, unsubscription),
    },
    mailbox: { capacity: 10_000 },
    onFailure: "resume",
  });
}

function publish(
  ctx: TopicContext,
  publication: StoredPublication,
  eventsMax: number,
): void | Promise<void> {
  const turn = ctx as unknown as DurableTurn;
  const from = ctx.state.cursors?.[turn.place];
  const known = activationOf(ctx).cache as readonly KnownSubscriber[] | undefined;
  if (known !== undefined && from === undefined) return send(ctx, publication, known, true, eventsMax);
  return subscribersAfter(ctx, from).then((listed) => {
    const whole = listed.length < pageMax;
    if (whole && from === undefined) activationOf(ctx).cache = listed;
    send(ctx, publication, listed, whole, eventsMax);
  });
}

/** Sends to the first of some subscribers, as many as one commit takes; `whole` says that there are no others. */
function send(
  ctx: TopicContext,
  { mode, subject, payload }: StoredPublication,
  subscribers: readonly KnownSubscriber[],
  whole: boolean,
  eventsMax: number,
): void {
  const turn = ctx as unknown as DurableTurn;
  const { events, subscribers: count, cursors = {} } = ctx.state;
  const { [turn.place]: from, ...others } = cursors;
  const begins = from === undefined;
  const number = begins && mode === "event" ? events + 1 : events;
  if (number > events) log(turn, ctx.key, number, { subject, payload }, eventsMax);
  const fitting = fittingOf(ctx, subscribers, payload);
  const tokens = subject.split(".");
  const { replyTo, deadline } = turn.route;
  for (const { to, pattern } of subscribers.slice(0, fitting)) {
    if (to === undefined || (pattern !== undefined && !matchesSubject(pattern, tokens))) continue;
    turn.post(to, turn.routeOf(namedOperation(to), { replyTo, deadline }), payload);
  }
  turn.again = !whole || fitting < subscribers.length;
  if (turn.again) activationOf(ctx).durable.session.probes?.reach("an event has several pages");
  if (!turn.again && begins && number === events) return;
  const left = Object.entries(others).slice(turn.again ? 1 - cursorsMax : -cursorsMax);
  if (turn.again) left.push([turn.place, subscribers[fitting - 1].key]);
  const none = left.length === 0;
  ctx.state = { events: number, subscribers: count, cursors: none ? undefined : Object.fromEntries(left) };
}

/** How many of these subscribers one commit can send to, with room to spare; one at least. */
function fittingOf(ctx: TopicContext, subscribers: readonly KnownSubscriber[], payload: unknown): number {
  const { bytes, keysBytes, valueBytes } = activationOf(ctx).durable.session.traits.limits;
  if (bytes === Infinity) return subscribers.length;
  const messageBytes = encoder.encode(toText(payload)).length + headBytes;
  const pieces = 2 + Math.ceil(messageBytes / valueBytes);
  let [keys, all] = [0, 0];
  for (const [index, { to }] of subscribers.entries()) {
    if (to === undefined) continue;
    const own = pieces * (encoder.encode(to.protocol + to.key).length + placeBytes);
    keys += own;
    all += own + messageBytes;
    if (index > 0 && (keys > keysBytes * share || all > bytes * share)) return index;
  }
  return subscribers.length;
}

/** Writes an event into the log, and lets the oldest go. */
function log(
  turn: DurableTurn,
  topic: string,
  number: number,
  { subject, payload }: { readonly subject: string; readonly payload: unknown },
  eventsMax: number,
): void {
  const rows = rowsOf(turn);
  const head: EventHead = { id: turn.id, subject };
  rows.write(eventKey(topic, number), encodeValue(head, toText(payload)));
  if (number > eventsMax) rows.remove(eventKey(topic, number - eventsMax));
  rows.rings = true;
  const { durable } = turn.actor as DurableActor;
  rows.after(() => durable.published(topic));
}

async function subscribe(ctx: TopicContext, subscription: SubscriptionRequest): Promise<void> {
  const { to } = subscription;
  const { protocol, key, operation } = to;
  const { events, subscribers, cursors } = ctx.state;
  const rowKey = keyOf(ctx, to);
  const [found] = await connectionOf(ctx).read([rowKey]);
  if (found === undefined && subscribers >= subscribersMax) {
    throw new TerminalError(
      `Cannot subscribe to ${ctx.key}: it has ${subscribers} of ${subscribersMax} subscribers`,
      { code: "too-many-subscribers" },
    );
  }
  const row: SubscriptionRequest = {
    to: { protocol, key, operation },
    subject: subscription.subject,
    token: subscription.token,
  };
  const rows = rowsOf(ctx as unknown as DurableTurn);
  rows.write(rowKey, encodeValue(row, ""));
  rows.write(subscribedKey({ protocol, key }, ctx.key), new Uint8Array());
  activationOf(ctx).cache = undefined;
  if (found === undefined) ctx.state = { events, subscribers: subscribers + 1, cursors };
}

/** Returns whether there was such a subscription. */
async function unsubscribe(ctx: TopicContext, { to, token }: Unsubscription): Promise<boolean> {
  const rowKey = keyOf(ctx, to);
  const [found] = await connectionOf(ctx).read([rowKey]);
  if (found === undefined) return false;
  // The address may have subscribed again: then this subscription is over already.
  if (token !== undefined && isAnother(found.value, token)) return false;
  const [, another] = await connectionOf(ctx).list({ prefix: subscriberActorPrefix(ctx.key, to), limit: 2 });
  removeRows(ctx, [rowKey]);
  if (another === undefined) rowsOf(ctx as unknown as DurableTurn).remove(subscribedKey(to, ctx.key));
  return true;
}

async function list(ctx: TopicContext, after: string | undefined): Promise<SubscriptionsPage> {
  const found = await subscribersAfter(ctx, after);
  const subscriptions = found.flatMap(({ to, subject }) =>
    to === undefined ? [] : [subject === undefined ? { to } : { to, subject }]
  );
  return {
    subscriptions,
    next: found.length < pageMax ? undefined : found[found.length - 1].key,
  };
}

async function leave(ctx: TopicContext, id: ActorId): Promise<void> {
  const found = await connectionOf(ctx).list({
    prefix: subscriberActorPrefix(ctx.key, id),
    limit: leavesMax,
  });
  const turn = ctx as unknown as DurableTurn;
  removeRows(ctx, found.map(({ key }) => key));
  turn.again = found.length === leavesMax;
  if (!turn.again) rowsOf(turn).remove(subscribedKey(id, ctx.key));
}

function removeRows(ctx: TopicContext, keys: readonly string[]): void {
  const { events, subscribers, cursors } = ctx.state;
  const rows = rowsOf(ctx as unknown as DurableTurn);
  for (const key of keys) rows.remove(key);
  activationOf(ctx).cache = undefined;
  ctx.state = { events, subscribers: subscribers - keys.length, cursors };
}

async function subscribersAfter(ctx: TopicContext, after: string | undefined): Promise<KnownSubscriber[]> {
  const rows = await connectionOf(ctx).list({ prefix: subscriberPrefix(ctx.key), after, limit: pageMax });
  return rows.map(({ key, value }) => {
    try {
      const { to: { protocol, key: name, operation }, subject } =
        decodeValue<SubscriptionRequest>(value).head;
      for (const part of [protocol, name, operation]) {
        if (typeof part !== "string") throw new TypeError("it has no address");
      }
      const pattern = subject === undefined ? undefined : parseSubjectPattern(subject);
      return { key, to: { protocol, key: name, operation }, subject, pattern };
    } catch (error) { // the other subscribers hear all the same
      activationOf(ctx).durable.session.onUnreadable(key, error);
      return { key, to: undefined, subject: undefined, pattern: undefined };
    }
  });
}

/** Whether a row is of another subscription than that; not where it cannot be read, so that it may go. */
function isAnother(value: Uint8Array, token: SubscriptionRequest["token"]): boolean {
  try {
    return decodeValue<SubscriptionRequest>(value).head.token !== token;
  } catch {
    return false;
  }
}

function keyOf(ctx: TopicContext, address: Address): string {
  return subscriberKey(ctx.key, address);
}

function activationOf(ctx: TopicContext): DurableActor {
  return (ctx as unknown as DurableTurn).actor as DurableActor;
}

function connectionOf(ctx: TopicContext): StoreConnection {
  return activationOf(ctx).durable.session.connection;
}

function rowsOf(turn: DurableTurn): WriteSet {
  return turn.rows ??= new WriteSet();
}
