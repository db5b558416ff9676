import type { Channel, Destination, ReturnChannel } from "../../../runtime/ports/transport.ts";

/** Events of these names would have the topic of something else: `order.dead` has the dead letters of `order`. */
const namesTaken = ["dead", "replies"];

/** How a channel is read. */
export interface Reading {
  readonly channel: Channel["kind"];
  readonly topic: string;
  /** The group whose members share the partitions; absent if this process reads all of them alone. */
  readonly group: string | undefined;
  /** Where a group begins that has read nothing. */
  readonly from: "start" | "end";
  /** The service to which the group belongs, if no other one may read the topic. */
  readonly owner: string | undefined;
  /** What this process reads: only the replies whose correlation id begins with its name. */
  readonly process: string | undefined;
}

/** Where a parcel goes. */
export interface Target {
  readonly topic: string;
  /** The partition, if whoever asked has named one. */
  readonly partition: number | undefined;
  /** The process that asked, if it has said its name. */
  readonly process: string | undefined;
  /** The key of the actor that is told something, or that asked and has said its name. */
  readonly key: string | undefined;
}

/** What the topics and groups of a process are called. */
export class Names {
  readonly service: string;
  readonly instance: string;
  readonly #prefix: string;

  constructor(namespace: string | undefined, service: string, instance: string) {
    this.service = service;
    this.instance = instance;
    this.#prefix = prefixOf(namespace);
  }

  /** The topic with the replies to the submits of the service. */
  get replies(): string {
    return `${this.#prefix}${this.service}.replies`;
  }

  /** The topic with the replies to the asks and surveys of all its processes. */
  get process(): string {
    return `${this.replies}.process`;
  }

  /** The group that keeps the name of the store of the service. It has no members. */
  get storeGroup(): string {
    return `${this.#prefix}${this.service}.store`;
  }

  /** How this process reads a channel. */
  reading(channel: Channel): Reading {
    const { kind } = channel;
    const reading = { channel: kind, from: "start", owner: undefined, process: undefined } as const;
    switch (kind) {
      case "inbox": { // The group has no name of a service: a protocol that moves to another goes on where it is.
        const topic = this.#prefix + channel.protocol;
        return { ...reading, topic, group: `${topic}.inbox`, owner: this.service };
      }
      case "event": {
        const topic = eventTopic(this.#prefix, channel.protocol, channel.event);
        return {
          ...reading,
          topic,
          group: `${this.#prefix}${this.service}.${topic.slice(this.#prefix.length)}`,
          from: "end",
        };
      }
      case "replies":
        return { ...reading, topic: this.replies, group: this.replies };
      case "process":
        return { ...reading, topic: this.process, group: undefined, from: "end", process: this.instance };
    }
  }

  /**
   * Where a parcel goes; `undefined` if a stranger gave an address that is no topic, or one of Kafka's own, which begin
   * with two underscores.
   */
  target(to: Destination): Target | undefined {
    const none = { partition: undefined, process: undefined };
    if (to.kind === "inbox") return { ...none, topic: this.#prefix + to.protocol, key: to.key };
    if (to.kind === "event") {
      return { ...none, topic: eventTopic(this.#prefix, to.protocol, to.event), key: to.key };
    }
    const found = /^(?!__|\.{1,2}(?:[#~/]|$))([A-Za-z0-9._-]{1,249})(?:#(\d{1,6}))?(?:~(.+)|\/(.*))?$/s.exec(
      to.address,
    );
    if (found === null) return undefined;
    const [, topic, partition, process, key] = found;
    return { topic, partition: partition === undefined ? undefined : Number(partition), process, key };
  }

  /** The topic that a reply to this service is sent to. */
  returnTopic(channel: ReturnChannel): string {
    if (channel.kind === "inbox") return this.#prefix + channel.protocol;
    return channel.kind === "process" ? this.process : this.replies;
  }
}

/** What is in front of every name. */
export function prefixOf(namespace: string | undefined): string {
  return namespace === undefined ? "" : `${namespace}.`;
}

/** The topic of an event or a survey. */
export function eventTopic(prefix: string, protocol: string, event: string): string {
  if (namesTaken.includes(event)) {
    throw new TypeError(
      `Cannot send ${protocol}.${event} over Kafka: no event can be called ${event}, because that topic has something else`,
    );
  }
  return `${prefix}${protocol}.${event}`;
}

/** Where what a service rejected of a topic is put. */
export function deadTopic(topic: string): string {
  return `${topic}.dead`;
}

/** The address of a topic, of one of its partitions, and of a process that reads it, or of an actor. */
export function addressOf({ topic, partition, process, key }: Target): string {
  const where = partition === undefined ? topic : `${topic}#${partition}`;
  if (process !== undefined) return `${where}~${process}`;
  return key === undefined ? where : `${where}/${key}`;
}
