import { fingerprint } from "../../../runtime/base/fingerprint.ts";
import type { Channel, ReturnChannel } from "../../../runtime/ports/transport.ts";

/** The name that RabbitMQ replaces by an address of the channel that publishes. */
export const directReplyTo = "amq.rabbitmq.reply-to";

/**
 * Whether an address is of a channel that waits for direct replies, as RabbitMQ makes them: an Erlang process, `reply@`
 * and a hash of its node in place of that, and a name. RabbitMQ ends the connection of whoever publishes to another address
 * that begins so, and any stranger may give one.
 */
export function isDirectAddress(address: string): boolean {
  const [, term] = /^amq\.rabbitmq\.reply-to\.([A-Za-z0-9+/]+={0,2})\.[A-Za-z0-9+/]+={0,2}$/.exec(address) ??
    [];
  if (term === undefined || term.length % 4 !== 0) return false;
  const bytes = Uint8Array.from(atob(term), (character) => character.charCodeAt(0));
  const [version, kind, atom] = bytes;
  const begin = atom === longAtom ? 5 : 4;
  const length = atom === longAtom ? bytes[3] << 8 | bytes[4] : bytes[3];
  const node = String.fromCharCode(...bytes.subarray(begin, begin + length));
  const numbers = bytes.subarray(begin + length); // of the process: 28 and 13 bits, and when its node began
  return version === 131 && (kind === 88 || kind === 103) && (atom === longAtom || atom === 119) &&
    /^[a-z]+@[0-9]{1,15}$/.test(node) && numbers.length === (kind === 88 ? 12 : 9) &&
    numbers[0] < 16 && numbers[4] === 0 && numbers[5] === 0 && numbers[6] < 32;
}

/** The tag of an atom whose length takes two bytes. */
const longAtom = 118;

/** The maximum length of a routing key, and of every short text of AMQP, in bytes. The client cuts longer ones. */
export const shortBytesMax = 255;

const encoder = new TextEncoder();

/** Whether a text fits into a short text of AMQP. */
export function isShort(text: string): boolean {
  return text.length * 3 <= shortBytesMax || encoder.encode(text).length <= shortBytesMax;
}

/** The routing key of an actor: its key, or a hash of it if that is too long for one. */
export function routingKeyOf(key: string): string {
  return isShort(key) ? key : fingerprint(key);
}

/** The routing key of an event under its subject. The subject is replaced by a hash if that is too long. */
export function eventRoutingKeyOf(protocol: string, event: string, subject: string): string {
  const whole = `${protocol}.${event}${subject === "" ? "" : `.${subject}`}`;
  return isShort(whole) ? whole : `${protocol}.${event}.${fingerprint(subject)}`;
}

/** The address to which a reply to an actor goes, with its key. A stranger is given the queue of the inbox. */
export function addressOfActor(protocol: string, key: string): string {
  return `actor:${protocol}/${key}`;
}

/** The actor that an address names, if it names one: nobody can make a service write to another exchange. */
export function actorOf(address: string): { readonly protocol: string; readonly key: string } | undefined {
  const [, protocol, key] = /^actor:([a-z][A-Za-z0-9]{0,63})\/([^]+)$/.exec(address) ?? [];
  return protocol === undefined ? undefined : { protocol, key };
}

/** A channel that is a queue of the broker. */
export type QueueChannel = Exclude<Channel, { readonly kind: "process" }>;

/** The names of the exchanges and queues of a service, in its namespace. */
export class Names {
  /** The exchange of all events and surveys. */
  readonly events: string;
  /** The queue that says which store the service has. */
  readonly storeMark: string;
  readonly #service: string;
  readonly #prefix: string;

  constructor(service: string, namespace: string | undefined) {
    this.#service = service;
    this.#prefix = namespace === undefined ? "" : `${namespace}.`;
    this.events = this.#in("posthorn.events");
    this.storeMark = this.#in(`${service}.store`);
  }

  /** The exchange of a protocol, and the queue of its inbox. */
  inbox(protocol: string): string {
    return this.#in(protocol);
  }

  /** The queue that says which service has the inbox of a protocol. */
  serviceMark(protocol: string): string {
    return this.#in(`${protocol}.service`);
  }

  queue(channel: QueueChannel): string {
    if (channel.kind === "inbox") return this.inbox(channel.protocol);
    const name = channel.kind === "replies" ? "replies" : `${channel.protocol}.${channel.event}`;
    return this.#in(`${this.#service}.${name}`);
  }

  /** The queue of the deliveries that were rejected. */
  dead(channel: QueueChannel): string {
    return this.#in(`${channel.kind === "replies" ? this.#service : channel.protocol}.dead`);
  }

  /** The queue to which a stranger sends its reply. */
  replyQueue(channel: ReturnChannel): string {
    if (channel.kind === "process") return directReplyTo;
    return channel.kind === "inbox" ? this.inbox(channel.protocol) : this.queue(channel);
  }

  #in(name: string): string {
    return this.#prefix + name;
  }
}
