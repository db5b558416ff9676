import { type Actor, actor } from "../runtime/actor.ts";
import type { ActorId, Address } from "../runtime/address.ts";
import type { Context } from "../runtime/context.ts";
import type { StoredPublication } from "../runtime/durable/dispatch.ts";
import { namedOperation } from "../runtime/durable/dispatch.ts";
import type { DurableActor } from "../runtime/durable/durable_actor.ts";
import type { DurableTurn } from "../runtime/durable/durable_turn.ts";
import { Effects } from "../runtime/durable/effects.ts";
import type { EventHead } from "../runtime/durable/event_log.ts";
import {
  eventKey,
  subscribedKey,
  subscriberActorPrefix,
  subscriberKey,
  subscriberPrefix,
} from "../runtime/durable/keys.ts";
import { decodeValue, encodeValue, toText } from "../runtime/durable/stored_value.ts";
import { TerminalError } from "../runtime/errors.ts";
import { type Subscription, Topic, type Unsubscription } from "../runtime/modes.ts";
import type { StoreConnection } from "../runtime/store.ts";
import { placesOf } from "../runtime/store_weight.ts";
import { matchesSubject, parseSubjectPattern } from "../runtime/subject.ts";

/** What a topic keeps in its state; its subscribers and its events are rows of their own. */
interface TopicState {
  /** How many events there have been. */
  readonly events: number;
  readonly subscribers: number;
  /** Where to go on with events that only some subscribers have been sent, by their places: another may come before. */
  readonly cursors?: Readonly<Record<string, string>> | undefined;
}

/** A subscriber as its row says, ready to be sent to. */
interface Known {
  readonly row: Subscription;
  readonly pattern: readonly string[] | undefined;
}

/** How many subscribers one commit sends to at the most. */
const pageMax = 200;
/** How much of a commit's room they take; the rest is for the event itself and its topic. */
const share = 0.5;
/** What a message takes at the most besides its payload: its keys, and what is written of its way. */
const mailBytes = 1_500;
const subscribersMax = 100_000;
/** The most rows of one actor in one topic: an operation each. */
const operationsMax = 1_000;

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
      unsubscribe: (ctx, unsubscription) => unsubscribe(ctx, unsubscription),
      leave: (ctx, id) => leave(ctx, id),
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
  const known = activationOf(ctx).cache as readonly Known[] | undefined;
  const cursor = ctx.state.cursors?.[placeOf(ctx)];
  const limit = pageOf(ctx, publication);
  if (known !== undefined && cursor === undefined && known.length <= limit) {
    return send(ctx, publication, known, undefined, eventsMax);
  }
  return subscribersAfter(ctx, cursor, limit).then((page) => {
    const whole = page.length < limit;
    if (whole && cursor === undefined) activationOf(ctx).cache = page;
    send(ctx, publication, page, whole ? undefined : keyOf(ctx, page.at(-1)!.row.to), eventsMax);
  });
}

/** To how many subscribers one commit can send that event. */
function pageOf(ctx: TopicContext, { payload }: StoredPublication): number {
  const { limits } = activationOf(ctx).durable.ledger.traits;
  const bytes = toText(payload).length * 3 + mailBytes; // as UTF-8, at the most
  const places = placesOf(bytes, limits) + 1;
  const most = Math.min(limits.bytes / bytes, limits.writes / places) * share;
  return Math.min(Math.max(Math.floor(most), 1), pageMax);
}

/** Sends to some subscribers; `cursor` is where to go on, where these are not the last. */
function send(
  ctx: TopicContext,
  { mode, subject, payload }: StoredPublication,
  subscribers: readonly Known[],
  cursor: string | undefined,
  eventsMax: number,
): void {
  const turn = ctx as unknown as DurableTurn;
  const { events, subscribers: count, cursors: before } = ctx.state;
  const place = placeOf(ctx);
  const begins = before?.[place] === undefined;
  const number = begins && mode === "event" ? events + 1 : events;
  if (number > events) log(turn, ctx.key, number, { subject, payload }, eventsMax);
  const tokens = subject.split(".");
  const { replyTo, deadline } = turn.route;
  for (const { row: { to }, pattern } of subscribers) {
    if (pattern !== undefined && !matchesSubject(pattern, tokens)) continue;
    turn.post(to, turn.routeOf(namedOperation(to), { replyTo, deadline }), payload);
  }
  turn.again = cursor !== undefined;
  if (turn.again) (turn.actor as DurableActor).durable.ledger.probes?.reach("an event has several pages");
  if (!turn.again && begins && number === events) return;
  const { [place]: _, ...others } = before ?? {};
  const all = cursor === undefined ? others : { ...others, [place]: cursor };
  const cursors = Object.keys(all).length === 0 ? undefined : all;
  ctx.state = { events: number, subscribers: count, cursors };
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

async function subscribe(ctx: TopicContext, subscription: Subscription): Promise<void> {
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
  const row: Subscription = {
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

async function unsubscribe(ctx: TopicContext, { to, token }: Unsubscription): Promise<void> {
  const rowKey = keyOf(ctx, to);
  const [found] = await connectionOf(ctx).read([rowKey]);
  if (found === undefined) return;
  // The address may have subscribed again: then this subscription is over already.
  if (token !== undefined && decodeValue<Subscription>(found.value).head.token !== token) return;
  removeRows(ctx, [rowKey]);
}

async function leave(ctx: TopicContext, id: ActorId): Promise<void> {
  const range = { prefix: subscriberActorPrefix(ctx.key, id), limit: operationsMax };
  const found = await connectionOf(ctx).list(range);
  removeRows(ctx, found.map(({ key }) => key));
  rowsOf(ctx as unknown as DurableTurn).remove(subscribedKey(id, ctx.key));
}

function removeRows(ctx: TopicContext, keys: readonly string[]): void {
  const { events, subscribers, cursors } = ctx.state;
  const rows = rowsOf(ctx as unknown as DurableTurn);
  for (const key of keys) rows.remove(key);
  activationOf(ctx).cache = undefined;
  ctx.state = { events, subscribers: subscribers - keys.length, cursors };
}

async function subscribersAfter(
  ctx: TopicContext,
  after: string | undefined,
  limit: number,
): Promise<Known[]> {
  const rows = await connectionOf(ctx).list({ prefix: subscriberPrefix(ctx.key), after, limit });
  return rows.map(({ value }) => {
    const { head: row } = decodeValue<Subscription>(value);
    return { row, pattern: row.subject === undefined ? undefined : parseSubjectPattern(row.subject) };
  });
}

function keyOf(ctx: TopicContext, address: Address): string {
  return subscriberKey(ctx.key, address);
}

function placeOf(ctx: TopicContext): string {
  return (ctx as unknown as DurableTurn).place;
}

function activationOf(ctx: TopicContext): DurableActor {
  return (ctx as unknown as DurableTurn).actor as DurableActor;
}

function connectionOf(ctx: TopicContext): StoreConnection {
  return activationOf(ctx).durable.ledger.connection;
}

function rowsOf(turn: DurableTurn): Effects {
  return turn.rows ??= new Effects();
}
