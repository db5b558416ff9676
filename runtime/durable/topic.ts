import { type Actor, actor } from "../language/actor.ts";
import type { ActorId, Address } from "../language/address.ts";
import type { StoredPublication } from "./delivery/stored_publication.ts";
import { isReplyTarget, namedOperation } from "../messages/envelope.ts";
import { askedOf } from "../messages/respondents.ts";
import type { DurableTurn } from "./activations/turn_writes.ts";
import { writeEvent } from "./delivery/event_log_rows.ts";
import { subscribedKey, subscriberActorPrefix, subscriberKey, subscriberPrefix } from "./rows/keys.ts";
import { readableHead } from "./rows/readable_head.ts";
import { decodeValue, encodeValue, toText } from "./rows/value_codec.ts";
import { TerminalError } from "../base/errors.ts";
import {
  Publication,
  subscribersMax,
  type SubscriptionRequest,
  type SubscriptionsPage,
  Topic,
  type Unsubscription,
} from "../messages/builtin_protocols.ts";
import type { StoreLimits } from "../ports/store.ts";
import { unchecked } from "../language/schema.ts";
import { matchesSubject, parseSubjectPattern } from "../language/subject.ts";

/** The state of a topic; its subscribers and its events are rows of their own. */
interface TopicState {
  /** How many events were published. */
  readonly events: number;
  readonly subscribers: number;
  /**
   * The last subscriber that got an event, for each event that only some subscribers have got yet, by the position of
   * the event. If clocks differ, an event may come in front of another that is unfinished, and one that was given up
   * may be sent again.
   */
  readonly cursors?: Readonly<Record<string, string>> | undefined;
  /** How many respondents each survey with a cursor has asked so far. */
  readonly asked?: Readonly<Record<string, number>> | undefined;
}

/** A turn of a topic. */
interface TopicTurn extends DurableTurn {
  state: TopicState;
}

/** The bounds of a topic. */
export interface TopicLimits {
  /** How many events its log keeps. */
  readonly events: number;
  /** What one commit takes. */
  readonly commit: StoreLimits;
}

/** A subscriber as its row says, ready to be sent to; without an address if the row cannot be read. */
interface KnownSubscriber {
  readonly key: string;
  readonly to: Address | undefined;
  readonly subject: string | undefined;
  readonly pattern: readonly string[] | undefined;
}

/** How many subscribers one commit sends to at the most. */
const pageMax = 200;
/** The share of a commit that the messages of one page may take. */
const share = 0.5;
/** The size of a message beside its payload and its headers, and of its key beside the names of its receiver; rounded up. */
const headBytes = 1_000;
const positionBytes = 80;
const encoder = new TextEncoder();
/** How many unfinished events have a cursor; the oldest beyond that begins again. */
const cursorsMax = 100;
/** How many rows of an erased actor, one for each operation, one commit removes: their keys must fit, however long. */
const leavesMax = 25;

/**
 * The durable actor of one event or survey. A publication goes into its log and to its subscribers in pages. Each page
 * is a commit that moves a cursor, and the last one takes the publication out of the mailbox, so each subscriber gets
 * it once.
 */
export function topicActor(limits: TopicLimits): Actor {
  const handlers = {
    publish: (turn: TopicTurn, publication: StoredPublication) => publish(turn, publication, limits),
    subscribe,
    unsubscribe: async (turn: TopicTurn, unsubscription: Unsubscription) =>
      void await unsubscribe(turn, unsubscription),
    leave,
    list,
    remove: unsubscribe,
  };
  return actor(Topic, {
    state: (): TopicState => ({ events: 0, subscribers: 0 }),
    on: handlers as never, // a durable actor's context is its turn, and a publication comes as it was stored
    mailbox: { capacity: 10_000 },
    onFailure: "resume",
  });
}

function publish(turn: TopicTurn, publication: StoredPublication, limits: TopicLimits): void | Promise<void> {
  const from = turn.state.cursors?.[turn.place];
  const known = turn.actor.cache as readonly KnownSubscriber[] | undefined;
  if (known !== undefined && from === undefined) return send(turn, publication, known, true, limits);
  return subscribersAfter(turn, from).then((listed) => {
    const whole = listed.length < pageMax;
    if (whole && from === undefined) turn.actor.cache = listed;
    send(turn, publication, listed, whole, limits);
  });
}

/** Sends to the first of some subscribers, as many as one commit takes; `whole` says that there are no others. */
function send(
  turn: TopicTurn,
  publication: StoredPublication,
  subscribers: readonly KnownSubscriber[],
  whole: boolean,
  limits: TopicLimits,
): void {
  const { mode, subject, payload, asked: besides = 0 } = publication;
  const { events, subscribers: count, cursors = {}, asked: counts = {} } = turn.state;
  const { [turn.place]: from, ...others } = cursors;
  const begins = from === undefined;
  const headers = turn.route.extras?.headers;
  let asked = begins ? besides : counts[turn.place] ?? besides;
  const number = begins && mode === "event" ? events + 1 : events;
  if (number > events) {
    const logged = { number, id: turn.id, subject, payload, ...headers && { headers } };
    writeEvent(turn.rows, turn.key, logged, limits.events);
    turn.rows.after(() => turn.actor.durable.published(turn.key));
  }
  if (begins && publication.unsent) sendAway(turn, publication);
  const fitting = fittingOf(subscribers, payload, headers, limits.commit);
  const tokens = subject.split(".");
  const { replyTo: target, deadline } = turn.route;
  const replyTo = isReplyTarget(target) ? undefined : target;
  for (const { to, pattern } of subscribers.slice(0, fitting)) {
    if (to === undefined || (pattern !== undefined && !matchesSubject(pattern, tokens))) continue;
    turn.post(to, turn.routeOf(namedOperation(to), { replyTo, deadline }), payload);
    asked++;
  }
  turn.again = !whole || fitting < subscribers.length;
  const counter = replyTo && !turn.again ? askedOf(replyTo) : undefined;
  if (counter !== undefined) turn.send(counter, namedOperation(counter), asked);
  if (turn.again) turn.session.probes?.reach("an event has several pages");
  if (!turn.again && begins && number === events) return;
  const left = Object.entries(others).slice(turn.again ? 1 - cursorsMax : -cursorsMax);
  if (turn.again) left.push([turn.place, subscribers[fitting - 1].key]);
  const all = mode === "survey" && turn.again ? { ...counts, [turn.place]: asked } : counts;
  const kept = left.flatMap(([place]) => place in all ? [[place, all[place]] as const] : []);
  turn.state = { events: number, subscribers: count, cursors: recordOf(left), asked: recordOf(kept) };
}

/** Sends to other services what a transaction of a user has published: it does not know them. */
function sendAway(turn: TopicTurn, { protocol, name, subject, payload }: StoredPublication): void {
  const { writer } = turn.actor.durable;
  const event = {
    ...namedOperation({ protocol, key: "", operation: name }),
    mode: "event",
    payload: unchecked(),
  } as const;
  const publication = new Publication(
    { ...event, subject: subject === "" ? undefined : () => subject },
    payload,
  );
  if (writer.remote?.publishes(publication)) writer.publishAway(turn.rows, turn.route, publication, turn.id);
}

/** A record of these entries; nothing if there is none. */
function recordOf<Value>(entries: readonly (readonly [string, Value])[]): Record<string, Value> | undefined {
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** How many of these subscribers one commit can send payload and headers to, with room to spare; one at least. */
function fittingOf(
  subscribers: readonly KnownSubscriber[],
  payload: unknown,
  headers: Readonly<Record<string, string>> | undefined,
  { bytes, keysBytes, valueBytes }: StoreLimits,
): number {
  if (bytes === Infinity) return subscribers.length;
  const messageBytes = encoder.encode(toText(payload) + JSON.stringify(headers ?? {})).length + headBytes;
  const pieces = 2 + Math.ceil(messageBytes / valueBytes);
  let [keys, all] = [0, 0];
  for (const [index, { to }] of subscribers.entries()) {
    if (to === undefined) continue;
    const own = pieces * (encoder.encode(to.protocol + to.key).length + positionBytes);
    keys += own;
    all += own + messageBytes;
    if (index > 0 && (keys > keysBytes * share || all > bytes * share)) return index;
  }
  return subscribers.length;
}

async function subscribe(turn: TopicTurn, { to, subject, token }: SubscriptionRequest): Promise<void> {
  const { protocol, key, operation } = to;
  const { subscribers } = turn.state;
  const rowKey = subscriberKey(turn.key, to);
  const [found] = await turn.session.connection.read([rowKey]);
  if (found === undefined && subscribers >= subscribersMax) {
    throw new TerminalError(
      `Cannot subscribe to ${turn.key}: it has ${subscribers} of ${subscribersMax} subscribers`,
      { code: "too-many-subscribers" },
    );
  }
  const row: SubscriptionRequest = { to: { protocol, key, operation }, subject, token };
  turn.rows.write(rowKey, encodeValue(row, ""));
  turn.rows.write(subscribedKey({ protocol, key }, turn.key), new Uint8Array());
  turn.actor.cache = undefined;
  if (found === undefined) turn.state = { ...turn.state, subscribers: subscribers + 1 };
}

/** Returns whether there was such a subscription. */
async function unsubscribe(turn: TopicTurn, { to, token }: Unsubscription): Promise<boolean> {
  const { connection } = turn.session;
  const rowKey = subscriberKey(turn.key, to);
  const [found] = await connection.read([rowKey]);
  if (found === undefined) return false;
  // The address may have subscribed again: then this subscription is over already. A row that cannot be read is removed.
  const row = readableHead<SubscriptionRequest>(found.value);
  if (token !== undefined && row !== undefined && row.token !== token) return false;
  const [, another] = await connection.list({ prefix: subscriberActorPrefix(turn.key, to), limit: 2 });
  removeRows(turn, [rowKey]);
  if (another === undefined) turn.rows.remove(subscribedKey(to, turn.key));
  return true;
}

async function list(
  turn: TopicTurn,
  { after }: { readonly after?: string | undefined },
): Promise<SubscriptionsPage> {
  const found = await subscribersAfter(turn, after);
  const subscriptions = found.flatMap(({ to, subject }) =>
    to === undefined ? [] : [subject === undefined ? { to } : { to, subject }]
  );
  return {
    subscriptions,
    next: found.length < pageMax ? undefined : found[found.length - 1].key,
  };
}

async function leave(turn: TopicTurn, id: ActorId): Promise<void> {
  const prefix = subscriberActorPrefix(turn.key, id);
  const found = await turn.session.connection.list({ prefix, limit: leavesMax });
  removeRows(turn, found.map(({ key }) => key));
  turn.again = found.length === leavesMax;
  if (!turn.again) turn.rows.remove(subscribedKey(id, turn.key));
}

function removeRows(turn: TopicTurn, keys: readonly string[]): void {
  for (const key of keys) turn.rows.remove(key);
  turn.actor.cache = undefined;
  turn.state = { ...turn.state, subscribers: turn.state.subscribers - keys.length };
}

async function subscribersAfter(turn: TopicTurn, after: string | undefined): Promise<KnownSubscriber[]> {
  const { session } = turn;
  const rows = await session.connection.list({ prefix: subscriberPrefix(turn.key), after, limit: pageMax });
  return rows.map(({ key, value }) => {
    try {
      const { to: { protocol, key: name, operation }, subject } =
        decodeValue<SubscriptionRequest>(value).head;
      for (const part of [protocol, name, operation]) {
        if (typeof part !== "string") throw new TypeError("it has no address");
      }
      const pattern = subject === undefined ? undefined : parseSubjectPattern(subject);
      return { key, to: { protocol, key: name, operation }, subject, pattern };
    } catch (error) { // the other subscribers get the event
      session.onUnreadable(key, error);
      return { key, to: undefined, subject: undefined, pattern: undefined };
    }
  });
}
