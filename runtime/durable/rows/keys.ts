import type { ActorId, Address } from "../../language/address.ts";

/** Between the parts of a key: no name of a protocol and no key of an actor has it. */
const separator = "\u001f";

function keyOf(first: string, ...others: readonly string[]): string {
  let key = first;
  for (const part of others) key += separator + part;
  return key;
}

/** Any text as part of a key: two are never the same, halves of surrogates included, of which UTF-8 knows only one. */
export function encodeName(text: string): string {
  if (text.isWellFormed()) return encodeURIComponent(text);
  const units = [...text].map((unit) =>
    unit.isWellFormed() ? encodeURIComponent(unit) : `%u${unit.charCodeAt(0).toString(16)}`
  );
  return units.join("");
}

/** Behind every key that begins with a prefix. */
export const behindAll = "\u{10ffff}";

/** The index entries of an actor that no instance has: whoever hosts it may take it. */
export const unassigned = "~";

/** An actor, in one piece. */
export function nameOfActor({ protocol, key }: ActorId): string {
  return protocol + separator + key;
}

const recordsPrefix = keyOf("actor", "");
const mailsPrefix = keyOf("mail", "");

/** The record of an actor: the fence of its turns. */
export function recordKey(actor: ActorId): string {
  return recordsPrefix + nameOfActor(actor);
}

/** That an actor was erased: what its next life goes on from. It expires. */
export function erasedKey(actor: ActorId): string {
  return keyOf("erased", actor.protocol, actor.key);
}

/** What the keys of an actor's waiting messages begin with; a message's position follows. */
export function mailPrefix(actor: ActorId): string {
  return mailsPrefix + nameOfActor(actor) + separator;
}

/** What the keys of an instance's index begin with. */
export function indexPrefix(instance: string): string {
  return wholeIndexPrefix + instance + separator;
}

/** What all keys of the index begin with. */
export const wholeIndexPrefix: string = keyOf("index", "");

/** That this instance should look at that actor. */
export function indexKey(instance: string, actor: ActorId): string {
  return indexPrefix(instance) + nameOfActor(actor);
}

/** The instance and the actor of an index entry. */
export function indexed(key: string): { readonly instance: string } & ActorId {
  const [, instance, protocol, actorKey] = key.split(separator);
  return { instance, protocol, key: actorKey };
}

/** What the keys of instances begin with. */
export const instancePrefix: string = keyOf("instance", "");

/** That an instance lives. */
export function instanceKey(instance: string): string {
  return instancePrefix + instance;
}

/** That an instance ended without a word. Those that live are not among these, so that no heartbeat lists them. */
export function endedKey(instance: string): string {
  return keyOf("ended", instance);
}

/** What the keys of an instance's index begin with that are for actors of one protocol. */
export function protocolPrefix(instance: string, protocol: string): string {
  return indexPrefix(instance) + protocol + separator;
}

/** Changes whenever an actor of that protocol is put into the index of unassigned actors: who hosts it looks there. */
export function leftKey(protocol: string): string {
  return keyOf("left", protocol);
}

/** That a message was accepted under a name: for its caller, receiver and operation. */
export function markKey(digest: string): string {
  return keyOf("mark", digest);
}

/** That a commit landed which has no other mark. No name of a message has a line break. */
export function receiptKey(token: string): string {
  return markKey(`\n\n${token}`);
}

/** The reply of a submit. What may stand in its name is left as it is, so that a long name of a caller fits. */
export function replyRowKey(name: string): string {
  return keyOf("reply", name.replace(/[^\n\x20-\x7e]/gu, (character) => encodeName(character)));
}

/** What the keys of answers begin with that are for the surveys of one process. */
export function answerPrefix(surveyor: string): string {
  return keyOf("answer", surveyor, "");
}

/** An answer to a survey of another process: a position tells it from the others of that survey. */
export function answerKey(surveyor: string, collector: string, place: string): string {
  return answerPrefix(surveyor) + keyOf(collector, place);
}

/** Which collector an answer is for. */
export function answered(key: string): string {
  return key.split(separator)[2];
}

/** What the keys of an actor's schedules begin with. */
export function timerPrefix(actor: ActorId): string {
  return keyOf("timer", actor.protocol, actor.key, "");
}

/** A schedule of an actor, by its name. */
export function timerKey(actor: ActorId, name: string): string {
  return timerPrefix(actor) + name;
}

/** The name of a schedule. */
export function timerName(key: string): string {
  return key.slice(key.lastIndexOf(separator) + 1);
}

/** What the keys of schedules begin with, in the order of time. */
export const schedulePrefix: string = keyOf("schedule", "");

/** That a schedule is due then. */
export function scheduleKey(dueMs: number, actor: ActorId, name: string): string {
  return schedulePrefix + keyOf(dueText(dueMs), actor.protocol, actor.key, name);
}

/** When a schedule is due, and whose it is. */
export function scheduled(
  key: string,
): { readonly dueMs: number; readonly actor: ActorId; readonly name: string } {
  const [, due, protocol, actorKey, name] = key.split(separator);
  return { dueMs: Number(due), actor: { protocol, key: actorKey }, name };
}

/** As long for each as for the last time that there is, so that the order of texts is that of times. */
function dueText(dueMs: number): string {
  return Math.max(Math.ceil(dueMs), 0).toString().padStart(16, "0");
}

/** What the keys of dead letters begin with; a position follows. */
export const deadPrefix: string = keyOf("dead", "");

/** Written with each dead letter that is sent again: its version says that one was. */
export const sentAgainKey: string = keyOf("sent");

/** What the keys of a topic's subscribers begin with. */
export function subscriberPrefix(topic: string): string {
  return keyOf("subscriber", topic, "");
}

/** One subscriber of a topic. */
export function subscriberKey(topic: string, { protocol, key, operation }: Address): string {
  return subscriberPrefix(topic) + keyOf(protocol, key, operation);
}

/** What the keys of the subscribers of a topic that are the same actor begin with. */
export function subscriberActorPrefix(topic: string, { protocol, key }: ActorId): string {
  return subscriberPrefix(topic) + keyOf(protocol, key, "");
}

/** What the keys of the topics begin with that an actor subscribed to. */
export function subscribedPrefix({ protocol, key }: ActorId): string {
  return keyOf("subscribed", protocol, key, "");
}

/** That an actor subscribed to a topic. */
export function subscribedKey(actor: ActorId, topic: string): string {
  return subscribedPrefix(actor) + topic;
}

/** The topic that an actor subscribed to. */
export function subscribedTopic(key: string): string {
  return key.slice(key.lastIndexOf(separator) + 1);
}

/** What the keys of a topic's log begin with. */
export function eventPrefix(topic: string): string {
  return keyOf("event", topic, "");
}

/** The event of that number, from 1. */
export function eventKey(topic: string, number: number): string {
  return eventPrefix(topic) + number.toString().padStart(16, "0");
}

/** The number of an event. */
export function eventNumber(key: string): number {
  return Number(key.slice(key.lastIndexOf(separator) + 1));
}

/** Where it is written which process used the store before. */
export const proofKey: string = keyOf("proof");
