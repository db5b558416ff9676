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

/** The topic with the replies to the asks and surveys of all processes of a service. */
export function processTopic(service: string): string {
  return `${service}.replies.process`;
}

/** The topic with the replies to the submits of a service. */
export function repliesTopic(service: string): string {
  return `${service}.replies`;
}

/** Where what a service rejected of a topic is put. */
export function deadTopic(topic: string): string {
  return `${topic}.dead`;
}

/** How a process of a service reads a channel. */
export function readingOf(channel: Channel, service: string, instance: string): Reading {
  const { kind } = channel;
  const reading = { channel: kind, from: "start", owner: undefined, process: undefined } as const;
  switch (kind) {
    case "inbox": // The group has no name of a service: a protocol that moves to another goes on where it is.
      return { ...reading, topic: channel.protocol, group: `${channel.protocol}.inbox`, owner: service };
    case "event": {
      const topic = eventTopic(channel.protocol, channel.event);
      return { ...reading, topic, group: `${service}.${topic}`, from: "end" };
    }
    case "replies":
      return { ...reading, topic: repliesTopic(service), group: repliesTopic(service) };
    case "process":
      return { ...reading, topic: processTopic(service), group: undefined, from: "end", process: instance };
  }
}

/** The topic of an event or a survey. */
export function eventTopic(protocol: string, event: string): string {
  if (namesTaken.includes(event)) {
    throw new TypeError(
      `Cannot send ${protocol}.${event} over Kafka: that topic has the ${event} letters or replies of ${protocol}`,
    );
  }
  return `${protocol}.${event}`;
}

/** Where a parcel goes. */
export interface Target {
  readonly topic: string;
  /** The partition, if whoever asked has named one. */
  readonly partition: number | undefined;
  /** The process that asked, if it has said its name. */
  readonly process: string | undefined;
  /** The key of the actor that asked, if it has said its name. */
  readonly key: string | undefined;
}

/**
 * Where a parcel goes; `undefined` if a stranger gave an address that is no topic, or one of Kafka's own, which begin with
 * two underscores.
 */
export function targetOf(to: Destination): Target | undefined {
  const none = { partition: undefined, process: undefined };
  if (to.kind === "inbox") return { ...none, topic: to.protocol, key: to.key };
  if (to.kind === "event") return { ...none, topic: eventTopic(to.protocol, to.event), key: to.key };
  const found = /^(?!__|\.{1,2}(?:[#~/]|$))([A-Za-z0-9._-]{1,249})(?:#(\d{1,6}))?(?:~(.+)|\/(.*))?$/s.exec(
    to.address,
  );
  if (found === null) return undefined;
  const [, topic, partition, process, key] = found;
  return { topic, partition: partition === undefined ? undefined : Number(partition), process, key };
}

/** The address of a topic, of one of its partitions, or of a process that reads it. */
export function addressOf({ topic, partition, process }: Target): string {
  return topic + (partition === undefined ? "" : `#${partition}`) +
    (process === undefined ? "" : `~${process}`);
}

/** The topic that a reply to this service is sent to. */
export function returnTopic(channel: ReturnChannel, service: string): string {
  if (channel.kind === "inbox") return channel.protocol;
  return channel.kind === "process" ? processTopic(service) : repliesTopic(service);
}
