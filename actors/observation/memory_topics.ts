import type { Activation } from "../../runtime/activations/activation.ts";
import type { ActorId, Address } from "../../runtime/language/address.ts";
import { Topic } from "../../runtime/messages/builtin_protocols.ts";
import { comparePlaces, type Listing, type Range } from "../../runtime/observation/listing.ts";
import { Selection } from "../../runtime/observation/selection.ts";
import type { Count, ObservedTopic } from "../../runtime/ports/observation.ts";
import type { Runtime } from "../../runtime/runtime.ts";
import { Listener } from "../builtin/listener.ts";
import { Subscribers } from "../builtin/subscribers.ts";

/** How many subscribers are shown; how many mailboxes one question looks into, and how many messages of each. */
const shownMax = 100;
const mailboxesMax = 500;
const messagesMax = 100;

/** The topics in memory that have subscribers. There a topic has no log. */
export async function memoryTopics(runtime: Runtime, range: Range): Promise<Listing<ObservedTopic>> {
  const selection = new Selection<{ readonly topic: Activation; readonly addresses: readonly Address[] }>(
    range,
  );
  for (const topic of runtime.delivery.hosts.get(Topic.publish.protocol)?.activations() ?? []) {
    if (!selection.wants(topic.key)) continue;
    const addresses = addressesOf(topic);
    if (addresses.length > 0) selection.add(topic.key, { topic, addresses });
  }
  const mailboxes = Math.max(1, Math.floor(mailboxesMax / selection.size));
  return await selection.listing(({ topic, addresses }) =>
    topicOf(runtime, topic, addresses, mailboxes, range)
  );
}

/** The topics that an actor subscribes to. */
export function topicsFollowedBy({ delivery }: Runtime, actor: ActorId): string[] {
  const topics: string[] = [];
  for (const topic of delivery.hosts.get(Topic.publish.protocol)?.activations() ?? []) {
    if (subscribersOf(topic)?.hasActor(actor)) topics.push(topic.key);
  }
  return topics.sort((topic, other) => comparePlaces(topic, other));
}

function topicOf(
  { delivery }: Runtime,
  topic: Activation,
  addresses: readonly Address[],
  mailboxes: number,
  { countMax }: Range,
): ObservedTopic {
  const firstSubscribers = [...addresses].sort((a, b) => comparePlaces(nameOf(a), nameOf(b))).slice(
    0,
    shownMax,
  )
    .map(({ protocol, key, operation }) => ({ protocol, key, operation }));
  const looked = firstSubscribers.slice(0, mailboxes);
  let lag = lagIn(topic, Topic.publish.name);
  for (const { protocol, key, operation } of looked) {
    const own = lagIn(delivery.find(protocol, key), operation);
    const count = lag.count + own.count;
    lag = { count: Math.min(count, countMax), more: lag.more || own.more || count > countMax };
  }
  return {
    topic: topic.key,
    subscribers: { count: Math.min(addresses.length, countMax), more: addresses.length > countMax },
    firstSubscribers,
    events: { count: 0, more: false },
    lag: { count: lag.count, more: lag.more || looked.length < addresses.length },
  };
}

/** How many of the first messages of an actor are for an operation. */
function lagIn(actor: Activation | undefined, operation: string): Count {
  let [count, looked] = [0, 0];
  const { turn } = actor?.inside ?? {};
  if (turn?.route.operation.name === operation) count++;
  for (const { route } of actor?.queued() ?? []) {
    if (++looked > messagesMax) return { count, more: true };
    if (route.operation.name === operation) count++;
  }
  return { count, more: false };
}

/** The addresses that subscribe; functions of this process are not among them. */
function addressesOf(topic: Activation): readonly Address[] {
  const all = subscribersOf(topic)?.list() ?? [];
  return all.filter(({ protocol }) => protocol !== Listener.hear.protocol).map(({ to }) => to);
}

function subscribersOf(topic: Activation): Subscribers | undefined {
  const value = topic.inside.state?.value;
  return value instanceof Subscribers ? value : undefined;
}

function nameOf({ protocol, key, operation }: Address): string {
  return `${protocol}\u001f${key}\u001f${operation}`;
}
