import { guarded } from "../../../runtime/base/guarded.ts";
import type { Channel } from "../../../runtime/ports/transport.ts";

/** The second to last part of a subject to which the reply to an actor goes. */
const replyPart = "posthorn";

/** The names of streams and subjects in the server, with the namespace in front of them. */
export class Names {
  /** How many tokens of a subject are the namespace. */
  readonly depth: number;
  /** The stream of all events. */
  readonly eventStream: string;
  /** The stream that says who reads what just now. */
  readonly readerStream: string;
  /** The stream that says which store a service has, and how far it has read. */
  readonly serviceStream: string;
  readonly #namespace: string;

  /** @param namespace empty for none */
  constructor(namespace: string) {
    this.#namespace = namespace;
    this.depth = namespace === "" ? 0 : 1;
    this.eventStream = this.#stream("POSTHORN_EVENTS");
    this.readerStream = this.#stream("POSTHORN_READERS");
    this.serviceStream = this.#stream("POSTHORN_SERVICES");
  }

  /**
   * The stream of the inbox of a protocol: its name in capitals. If it has capitals itself it stays as it is, so that no
   * two protocols have the same one.
   */
  inboxStream(protocol: string): string {
    return this.#stream(/[A-Z]/.test(protocol) ? protocol : protocol.toUpperCase());
  }

  /** The stream of what a service has not handled of a protocol. */
  deadStream(protocol: string): string {
    return `${this.inboxStream(protocol)}_DEAD`;
  }

  /** The stream of the replies to a service. */
  replyStream(service: string): string {
    return this.#stream(`POSTHORN_REPLIES_${service}`);
  }

  /** The subject of an operation of an actor. */
  operation(protocol: string, key: string, operation: string): string {
    return this.#subject(`${protocol}.${tokenOf(key)}.${operation}`);
  }

  /** The subjects of an operation of all actors. */
  operations(protocol: string, operation: string): string {
    return this.#subject(`${protocol}.*.${operation}`);
  }

  /** The subject of a reply to an actor. */
  reply(protocol: string, key: string, correlationId: string): string {
    return this.#subject(`${protocol}.${tokenOf(key)}.${replyPart}.${tokenOf(correlationId)}`);
  }

  /** The subjects that the stream of an inbox captures: never those of asks, or the stream would answer them. */
  inbox({ protocol, operations }: Channel & { readonly kind: "inbox" }): string[] {
    const stored = operations.filter(({ mode }) => mode !== "ask");
    const replies = this.#subject(`${protocol}.*.${replyPart}.*`);
    return [replies, ...stored.map(({ name }) => this.operations(protocol, name))];
  }

  /** The subject of an event. */
  event(protocol: string, event: string, subject: string): string {
    const tokens = subject === "" ? [] : subject.split(".").map(tokenOf);
    return this.#subject(["posthorn.events", protocol, event, ...tokens].join("."));
  }

  /** The subject of a reply to a service. */
  serviceReply(service: string, correlationId: string): string {
    return this.#subject(`posthorn.replies.${service}.${tokenOf(correlationId)}`);
  }

  /** The subjects of all replies to a service. */
  serviceReplies(service: string): string {
    return this.#subject(`posthorn.replies.${service}.*`);
  }

  /** The subjects of all events, leases or notes. */
  all(kind: "events" | "readers" | "services"): string {
    return this.#subject(`posthorn.${kind}.>`);
  }

  /** The subject of the lease of a channel. */
  reader(service: string, channel: string): string {
    return this.#subject(`posthorn.readers.${service}.${channel}`);
  }

  /** The subject of what is noted about a service. */
  note(service: string, name: string): string {
    return this.#subject(`posthorn.services.${service}.${name}`);
  }

  /** The subject of what a service has not handled. */
  dead(protocol: string, service: string): string {
    return this.#subject(`posthorn.dead.${protocol}.${service}`);
  }

  #subject(name: string): string {
    return this.#namespace === "" ? name : `${this.#namespace}.${name}`;
  }

  #stream(name: string): string {
    return this.#namespace === "" ? name : `${this.#namespace.toUpperCase()}_${name}`;
  }
}

/** A text as one token of a subject. */
export function tokenOf(text: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  if (text === "") return "%"; // a token is never empty
  return encodeURIComponent(text.toWellFormed()).replace(
    /[.!~*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The text of a token. One that is not percent-encoded, from a stranger, is the text itself. */
export function textOf(token: string): string {
  if (token === "%") return "";
  return token.includes("%") ? guarded(() => decodeURIComponent(token), token) : token;
}

/** The third token of a subject to which the reply to an ask of this package goes: or the reply shares one with others. */
export const askPart = "posthorn";
/** The same of an ask whose reply goes there in any case. It begins alike. */
const ownPart = `${askPart}-own`;
/** How many tokens of that are in front of what they say of the ask. */
const askDepth = 4;
/** The longest subject that says something of an ask. */
const askUnitsMax = 1_000;

/** What an ask says of itself in the subject to which its reply goes, so that it needs no headers. */
export interface AskTokens {
  readonly id: string;
  /** When its asker stops waiting, as in the header `posthorn-deadline`; empty if it does not say. */
  readonly deadline: string;
  /** Who asks, as in the header `posthorn-sender`; empty if it does not say. */
  readonly sender: string;
}

/**
 * The subject to which the reply to an ask goes; `undefined` if it would be too long. `mayShare` is whether it may as well go
 * to the one that the replies to this process share.
 */
export function askReply(
  inbox: string,
  correlationId: string,
  { id, deadline, sender }: AskTokens,
  mayShare: boolean,
): string | undefined {
  const told = `${tokenOf(id)}.${tokenOf(deadline)}.${tokenOf(sender)}`;
  const subject = `${inbox}.${mayShare ? askPart : ownPart}.${tokenOf(correlationId)}.${told}`;
  return subject.length <= askUnitsMax ? subject : undefined;
}

/** What the subject to which its reply goes says of an ask; `undefined` if it says nothing. */
export function askTokensOf(reply: string): AskTokens | undefined {
  const told = toldIn(reply);
  if (told === 0) return undefined;
  const deadline = reply.indexOf(".", told) + 1;
  const sender = reply.indexOf(".", deadline) + 1;
  return {
    id: textOf(reply.slice(told, deadline - 1)),
    deadline: textOf(reply.slice(deadline, sender - 1)),
    sender: textOf(reply.slice(sender)),
  };
}

/** Where the reply to an ask of this package goes, whose process hears all its replies under one subject. */
export interface SharedReply {
  /** The subject: the server knows who hears it, and looks that up but once. */
  readonly subject: string;
  /** The name of what is waited for, as a token. The reply has it in place of a subject of its own reply. */
  readonly name: string;
}

/** Where the reply to an ask goes whose address says that it may share a subject; `undefined` for another address. */
export function sharedReplyOf(address: string): SharedReply | undefined {
  const told = toldIn(address);
  if (told === 0 || !address.startsWith(`${askPart}.`, dotIn(address, 2))) return undefined;
  const name = dotIn(address, askDepth - 1);
  return { subject: address.slice(0, name - 1), name: address.slice(name, told - 1) };
}

/**
 * Where an address begins to say something of an ask; 0 if it does not. It has exactly the tokens of {@linkcode askReply}: who
 * asks by itself hears another one that begins alike, and nothing beside it.
 */
function toldIn(address: string): number {
  if (!address.startsWith("_INBOX.")) return 0;
  const part = dotIn(address, 2);
  if (!address.startsWith(`${askPart}.`, part) && !address.startsWith(`${ownPart}.`, part)) return 0;
  const told = dotIn(address, askDepth);
  if (told === 0) return 0;
  const deadline = address.indexOf(".", told) + 1;
  const sender = deadline === 0 ? 0 : address.indexOf(".", deadline) + 1;
  return sender === 0 || address.includes(".", sender) ? 0 : told;
}

/** The name of what is waited for, in a reply to a process: behind the inbox and a word in its subject, or beside that. */
export function replyName({ subject, reply }: { readonly subject: string; readonly reply: string }): string {
  const from = dotIn(subject, askDepth - 1);
  if (from === 0) return textOf(reply);
  const to = subject.indexOf(".", from);
  return textOf(to < 0 ? subject.slice(from) : subject.slice(from, to));
}

/** Where the token begins that is behind so many dots. */
export function dotIn(subject: string, count: number): number {
  let at = 0;
  for (let dots = 0; dots < count; dots++) at = subject.indexOf(".", at) + 1;
  return at;
}

/** Whether only a stream listens to that address: it is one that this package has made, in whatever namespace. */
export function isStreamAddress(address: string): boolean {
  return /^([a-z][a-z0-9-]*\.)?posthorn\.replies\.[^.]+\.[^.]+$/.test(address) ||
    /^([a-z][a-z0-9-]*\.)?[a-z][A-Za-z0-9]*\.[^.]+\.posthorn\.[^.]+$/.test(address);
}

/** The subjects, in whatever namespace, of what services note for themselves, and of what is no reply. */
const reserved = /^([a-z][a-z0-9-]*\.)?posthorn\.(services|readers|dead|events)\./;

/**
 * Whether a reply may be sent to that address: to a subject without wildcards, and none that controls the server or a
 * service. A stranger gives it, who may not publish there perhaps.
 */
export function isAddress(address: string): boolean {
  return address.length <= 2_000 && /^[^\s.*>$][^\s.*>]*(\.[^\s.*>]+)*$/.test(address) &&
    !reserved.test(address);
}

/** The name of a channel, as one token. */
export function channelToken(channel: Channel): string {
  if (channel.kind === "inbox") return `inbox-${channel.protocol}`;
  return channel.kind === "event" ? `event-${channel.protocol}-${channel.event}` : channel.kind;
}
