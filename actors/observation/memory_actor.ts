import type { Activation } from "../../runtime/activations/activation.ts";
import type { DelayedRetry } from "../../runtime/activations/delayed_retries.ts";
import { endAt } from "../../runtime/base/times.ts";
import { Publication } from "../../runtime/messages/builtin_protocols.ts";
import type { MessageId, Route, RouteExtras } from "../../runtime/messages/envelope.ts";
import type { QueuedRoute } from "../../runtime/messages/ring.ts";
import { comparePlaces } from "../../runtime/observation/listing.ts";
import { valueText } from "../../runtime/observation/value_text.ts";
import type {
  Count,
  ObservedActor,
  ObservedActorDetails,
  ObservedMessage,
  ObservedRetry,
  ObservedSchedule,
} from "../../runtime/ports/observation.ts";
import type { When } from "../../runtime/language/when.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import type { WaitingSchedule } from "../../runtime/turns/schedules.ts";
import { repeats } from "../../runtime/turns/schedule_time.ts";
import { topicsFollowedBy } from "./memory_topics.ts";

const listedUnitsMax = 200;
const stateUnitsMax = 64_000;
const payloadUnitsMax = 4_000;
/** How many messages and schedules of one actor are shown. */
const shownMax = 100;
/** Where the count of the messages of each actor in a list ends. */
const waitingMax = 100;

/** A count that is known, as one that ends at a bound. */
export function countUpTo(count: number, most: number): Count {
  return { count: Math.min(count, most), more: count > most };
}

/** An actor in memory, in a list. */
export function listedActor(runtime: Runtime, actor: Activation, countMax: number): ObservedActor {
  const { protocol, key, inside: { state } } = actor;
  const retry = firstRetry(runtime, actor);
  return {
    protocol,
    key,
    waiting: countUpTo(waitingOf(actor), Math.min(waitingMax, countMax)),
    ...retry !== undefined && { retry },
    ...state !== undefined && { state: valueText(state.value, listedUnitsMax) },
  };
}

/** All that is known of an actor in memory. */
export function detailsOf(runtime: Runtime, actor: Activation, countMax: number): ObservedActorDetails {
  const { protocol, key, host, inside: { state } } = actor;
  return {
    protocol,
    key,
    ...state !== undefined && {
      state: valueText(state.value, stateUnitsMax),
      stateVersion: host.actor.stateVersion,
    },
    waiting: countUpTo(waitingOf(actor), countMax),
    messages: messagesOf(runtime, actor),
    schedules: schedulesOf(actor),
    subscriptions: topicsFollowedBy(runtime, { protocol, key }).slice(0, shownMax),
    paused: host.paused,
  };
}

/** The first schedules of an actor by their names, as a store has them. */
function schedulesOf(actor: Activation): ObservedSchedule[] {
  return actor.scheduled.toSorted((a, b) => comparePlaces(a.name, b.name)).slice(0, shownMax)
    .map((schedule) => scheduleOf(actor, schedule));
}

/** Whether the first message of an actor has failed. */
export function isFailing(actor: Activation): boolean {
  return firstRoute(actor)?.extras?.failed !== undefined;
}

/** A schedule of an actor in memory. */
export function scheduleOf(
  { protocol, key }: Activation,
  { name, when, to, dueMs }: WaitingSchedule,
): ObservedSchedule {
  const address = { protocol: to.protocol, key: to.key, operation: to.operation };
  return { actor: { protocol, key }, name, dueMs, when: shownWhen(when, dueMs), to: address };
}

function shownWhen(when: When, dueMs: number): When {
  if (!repeats(when)) return { at: new Date(dueMs) };
  if ("everyMs" in when) return { everyMs: when.everyMs };
  const { cron, timeZone } = when;
  return { cron, ...timeZone !== undefined && { timeZone } };
}

/** How many messages an actor has: in a turn, in its mailbox, and apart from it for another attempt. */
export function waitingOf({ length, inside: { turn, recovery } }: Activation): number {
  return length + (turn === undefined ? 0 : 1) + (recovery?.delayedRetries.size ?? 0);
}

/** The retry of the first message that has failed. */
function firstRetry(runtime: Runtime, actor: Activation): ObservedRetry | undefined {
  return retryOf(runtime, firstRoute(actor)?.extras);
}

/** The message whose turn runs, or else the first that waits, in the mailbox or apart from it. */
function firstRoute(actor: Activation): Route | undefined {
  return actor.inside.turn?.route ?? actor.route ?? asideOf(actor).at(0)?.envelope.route;
}

function retryOf({ clock, timers }: Runtime, extras: RouteExtras | undefined): ObservedRetry | undefined {
  if (extras?.failed === undefined) return undefined;
  const { attempts = 0, failed: { error, dueMs } } = extras;
  return { attempts, nextMs: clock.now() + dueMs - timers.monotonicMs(), error };
}

function asideOf({ inside: { recovery } }: Activation): readonly DelayedRetry[] {
  return [...recovery?.delayedRetries.list() ?? []].sort((a, b) => a.timer.dueMs - b.timer.dueMs);
}

/** The first messages of an actor, as they will be handled. */
function messagesOf(runtime: Runtime, actor: Activation): ObservedMessage[] {
  const { turn } = actor.inside;
  const found: ObservedMessage[] = turn === undefined ? [] : [messageOf(runtime, turn)];
  for (const queued of actor.queued()) {
    if (found.length >= shownMax) break;
    found.push(messageOf(runtime, queued));
  }
  for (const aside of asideOf(actor).slice(0, Math.max(shownMax - found.length, 0))) {
    const { route, value, id } = aside.envelope;
    found.push(messageOf(runtime, { route, value }, id));
  }
  return found;
}

function messageOf(
  runtime: Runtime,
  { route, value }: QueuedRoute,
  id: MessageId | undefined = route.extras?.id,
): ObservedMessage {
  const { ids } = runtime;
  const { operation, causationId, correlationId = id, deadline, extras } = route;
  const retry = retryOf(runtime, extras);
  const endMs = deadline && endAt(deadline.atMs);
  const acceptedMs = extras?.watch?.acceptedMs;
  return {
    ...id !== undefined && { id: ids.text(id) },
    operation: operation.name,
    ...acceptedMs !== undefined && { acceptedMs },
    ...causationId !== undefined && { causationId: ids.text(causationId) },
    ...correlationId !== undefined && { correlationId: ids.text(correlationId) },
    payload: payloadText(extras?.input === undefined ? value : extras.input.payload),
    ...extras?.headers !== undefined && { headers: extras.headers },
    ...endMs !== undefined && { deadlineMs: endMs },
    ...retry !== undefined && { retry },
  };
}

function payloadText(payload: unknown): string {
  if (payload === undefined) return "";
  return valueText(Publication.is(payload) ? payload.payload : payload, payloadUnitsMax);
}
