import type { ActorId, Address } from "../../language/address.ts";
import { guarded } from "../../base/guarded.ts";
import { postedPrefix } from "../../ports/transaction.ts";

/** Separates the parts of a key: no name of a protocol and no key of an actor contains it. */
const separator = "\u001f";
/** The character behind the separator. */
const behindSeparator = "\u0020";

function keyOf(first: string, ...others: readonly string[]): string {
  let key = first;
  for (const part of others) key += separator + part;
  return key;
}

/** Any text as part of a key. Two texts never give the same part, not even if they have lone surrogates. */
export function encodeName(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  const units = [...text].map((unit) =>
    unit.isWellFormed() ? encodeURIComponent(unit) : `%u${unit.charCodeAt(0).toString(16)}`
  );
  return units.join("");
}

/**
 * A key behind all that begin with a prefix, which ends with a separator. The separator itself is raised: what follows it may
 * begin with any character, also with the last one that there is.
 */
export function behindAll(prefix: string): string {
  return prefix.slice(0, -separator.length) + behindSeparator;
}

/** Stands for the instance in the index entries of unassigned actors: any instance that hosts them may claim them. */
export const unassigned = "~";

/** The name of an actor as part of a key. */
export function nameOfActor({ protocol, key }: ActorId): string {
  return protocol + separator + key;
}

/** The actor of such a name. */
export function actorNamed(name: string): ActorId {
  const [protocol, ...key] = name.split(separator);
  return { protocol, key: key.join(separator) };
}

/** The part of a key that follows a prefix. */
export function partBehind(prefix: string, key: string): string {
  return key.slice(prefix.length).split(separator, 1)[0];
}

/** A key behind all that have a part behind a prefix, and further parts. */
export function behindPart(prefix: string, part: string): string {
  return behindAll(prefix + part + separator);
}

/** The prefix of the records of all actors. */
export const recordsPrefix: string = keyOf("actor", "");
/** The prefix of the waiting messages of all actors. */
export const mailsPrefix: string = keyOf("mail", "");

/** The key of an actor's record. */
export function recordKey(actor: ActorId): string {
  return recordsPrefix + nameOfActor(actor);
}

/** The key of what is kept of an erased actor for a while: its last turn, and the time of its last message. */
export function erasedKey(actor: ActorId): string {
  return keyOf("erased", actor.protocol, actor.key);
}

/** The prefix of an actor's waiting messages; a position follows. */
export function mailPrefix(actor: ActorId): string {
  return mailsPrefix + nameOfActor(actor) + separator;
}

/** The prefix of the waiting messages of all actors of a protocol. */
export function mailsOfProtocol(protocol: string): string {
  return mailsPrefix + protocol + separator;
}

/** The actor for which the message of that key waits. */
export function mailed(key: string): ActorId {
  const [, protocol, actorKey] = key.split(separator);
  return { protocol, key: actorKey };
}

/** The prefix of an instance's index. */
export function indexPrefix(instance: string): string {
  return wholeIndexPrefix + instance + separator;
}

/** The prefix of all indexes. */
export const wholeIndexPrefix: string = keyOf("index", "");

/** Stands for the instance in the index entries of messages that transactions of users have written. */
export const posted: string = postedPrefix.split(separator)[1];

/** The key of such an entry. Each message has one of its own, so that no transaction waits for another one. */
export function postedKey(actor: ActorId, place: string): string {
  return keyOf(postedPrefix + nameOfActor(actor), place);
}

/** The key of an index entry: the instance should look at the actor. */
export function indexKey(instance: string, actor: ActorId): string {
  return indexPrefix(instance) + nameOfActor(actor);
}

/** The instance and the actor of an index entry. */
export function indexed(key: string): { readonly instance: string } & ActorId {
  const [, instance, protocol, actorKey] = key.split(separator);
  return { instance, protocol, key: actorKey };
}

/** The prefix of the heartbeat rows. */
export const instancePrefix: string = keyOf("instance", "");

/** The key of an instance's heartbeat row. */
export function instanceKey(instance: string): string {
  return instancePrefix + instance;
}

/** The key of the row that says that an instance crashed. Its prefix is another, so that no heartbeat lists it. */
export function endedKey(instance: string): string {
  return keyOf("ended", instance);
}

/** The prefix of an instance's index entries for actors of one protocol. */
export function protocolPrefix(instance: string, protocol: string): string {
  return indexPrefix(instance) + protocol + separator;
}

/** The key that is written whenever an actor of a protocol becomes unassigned, for instances that host the protocol. */
export function leftKey(protocol: string): string {
  return keyOf("left", protocol);
}

/** The key of a deduplication mark: a message was accepted with that id from that caller. */
export function markKey(digest: string): string {
  return keyOf("mark", digest);
}

/** The key of a receipt: a commit without another mark landed. No id of a message has a line break. */
export function receiptKey(token: string): string {
  return markKey(`\n\n${token}`);
}

/** The prefix of the replies. */
export const repliesPrefix: string = keyOf("reply", "");

/** The key of a reply. Only characters that a key cannot have are encoded, so that long names of callers fit. */
export function replyRowKey(name: string): string {
  return repliesPrefix + name.replace(/[^\n\x20-\x7e]/gu, (character) => encodeName(character));
}

/** The prefix of the replies to surveys of one process. */
export function answerPrefix(surveyor: string): string {
  return keyOf("answer", surveyor, "");
}

/** The key of a reply to a survey of another process; its position tells it from the other replies. */
export function answerKey(surveyor: string, collector: string, place: string): string {
  return answerPrefix(surveyor) + keyOf(collector, place);
}

/** The collector that a reply to a survey is for. */
export function answered(key: string): string {
  return key.split(separator)[2];
}

/** The prefix of an actor's schedules. */
export function timerPrefix(actor: ActorId): string {
  return keyOf("timer", actor.protocol, actor.key, "");
}

/** The key of a schedule. */
export function timerKey(actor: ActorId, name: string): string {
  return timerPrefix(actor) + name;
}

/** The prefix of all schedules. */
export const timersPrefix: string = keyOf("timer", "");

/** The prefix of the schedules of all actors of a protocol. */
export function protocolTimersPrefix(protocol: string): string {
  return timersPrefix + protocol + separator;
}

/** The protocol of the owners of delayed messages: no user can name it. */
export const delayedProtocol = "~delayed";

/** The prefix of the delayed messages. */
export const delayedPrefix: string = protocolTimersPrefix(delayedProtocol);

/** The owner of the delayed messages to an actor, as if they were its schedules. */
export function delayedOwner({ protocol, key }: ActorId): ActorId {
  return { protocol: delayedProtocol, key: `${protocol}/${key}` };
}

/** The receiver of the delayed messages of an owner; `undefined` if it is an actor. */
export function delayedReceiver({ protocol, key }: ActorId): ActorId | undefined {
  if (protocol !== delayedProtocol) return undefined;
  const end = key.indexOf("/"); // no name of a protocol has one
  return { protocol: key.slice(0, end), key: key.slice(end + 1) };
}

/** The last part of a key: the name of a schedule, or the topic that an actor subscribed to. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf(separator) + 1);
}

/** The prefix of the rows that have all schedules in the order of time. */
export const schedulePrefix: string = keyOf("schedule", "");

/** The key of a schedule in the order of time. */
export function scheduleKey(dueMs: number, actor: ActorId, name: string): string {
  return schedulePrefix + keyOf(dueText(dueMs), actor.protocol, actor.key, name);
}

/** The time, the actor and the name in a key of the order of time. */
export function scheduled(
  key: string,
): { readonly dueMs: number; readonly actor: ActorId; readonly name: string } {
  const [, due, protocol, actorKey, name] = key.split(separator);
  return { dueMs: Number(due), actor: { protocol, key: actorKey }, name };
}

/** A time with as many digits as the latest time has, so that texts have the order of times. */
function dueText(dueMs: number): string {
  return Math.max(Math.ceil(dueMs), 0).toString().padStart(16, "0");
}

/** The prefix of dead letters; a position follows. */
export const deadPrefix: string = keyOf("dead", "");

/** The key that each resend of a dead letter writes: its version tells other instances that one was resent. */
export const sentAgainKey: string = keyOf("sent");

/** The key of the row that names the protocols that are paused. */
export const pausedKey: string = keyOf("paused");

/** The prefix of the subscribers of all topics. */
export const subscribersPrefix: string = keyOf("subscriber", "");

/** The prefix of a topic's subscribers. */
export function subscriberPrefix(topic: string): string {
  return subscribersPrefix + topic + separator;
}

/** The key of a topic's subscriber. */
export function subscriberKey(topic: string, { protocol, key, operation }: Address): string {
  return subscriberPrefix(topic) + keyOf(protocol, key, operation);
}

/** The prefix of a topic's subscribers that are operations of one actor. */
export function subscriberActorPrefix(topic: string, { protocol, key }: ActorId): string {
  return subscriberPrefix(topic) + keyOf(protocol, key, "");
}

/** The prefix of the topics that an actor subscribed to. */
export function subscribedPrefix({ protocol, key }: ActorId): string {
  return keyOf("subscribed", protocol, key, "");
}

/** The key of a topic that an actor subscribed to. */
export function subscribedKey(actor: ActorId, topic: string): string {
  return subscribedPrefix(actor) + topic;
}

/** The prefix of the event logs of all topics. */
export const eventsPrefix: string = keyOf("event", "");

/** The prefix of a topic's event log. */
export function eventPrefix(topic: string): string {
  return eventsPrefix + topic + separator;
}

/** The key of an event, by its number from 1 on. */
export function eventKey(topic: string, number: number): string {
  return eventPrefix(topic) + number.toString().padStart(16, "0");
}

/** The number in the key of an event. */
export function eventNumber(key: string): number {
  return Number(lastPart(key));
}

/** The key of the row that proves that the store keeps data from process to process. */
export const proofKey: string = keyOf("proof");

/** The prefix of what waits to be sent to other services. */
export const outboxPrefix: string = keyOf("out", "");

/** The prefix of one lane of the outbox; a position follows. */
export function outboxLanePrefix(lane: string): string {
  return outboxPrefix + lane + separator;
}

/** The lane in the key of an outbox row. */
export function outboxLane(key: string): string {
  return key.split(separator)[1];
}

/** The prefix of what is known of the shards that this service reads. */
export const sourcesPrefix: string = keyOf("source", "");

/** The key of what is known of a shard that this service reads: the position of the last message that it accepted. */
export function sourceKey(channel: string, shard: string): string {
  return sourcesPrefix + keyOf(channel, encodeName(shard));
}

/** The channel and the shard in such a key. */
export function sourceNamed(key: string): { readonly channel: string; readonly shard: string } {
  const [, channel, name = ""] = key.split(separator);
  return { channel, shard: guarded(() => decodeURIComponent(name), name) };
}

/** The key of a reply of another service that an actor of this one waits for. */
export function expectKey(name: string): string {
  return keyOf("expect", encodeName(name));
}
