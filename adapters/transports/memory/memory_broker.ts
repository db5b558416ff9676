import { PosthornError } from "../../../runtime/base/errors.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { requireInteger, requireOneOf } from "../../../runtime/base/require.ts";
import type {
  Channel,
  Delivery,
  Destination,
  Parcel,
  Refusal,
  TransportConnection,
  TransportServices,
  TransportTraits,
} from "../../../runtime/ports/transport.ts";
import { eventName, queueOf } from "./names.ts";
import { MemoryConnection } from "./memory_connection.ts";
import { MemoryQueue, type QueueReader, restMs } from "./queue.ts";
import type { StoredMessage } from "./shard.ts";

/** Options of {@linkcode memoryBroker}. */
export interface MemoryBrokerOptions {
  /**
   * `queue`: what is acknowledged is gone, as in RabbitMQ. `log`: it stays, and is read by position, as in Kafka.
   *
   * @default {"queue"}
   */
  readonly reads?: "queue" | "log";
  /**
   * The number of shards of an inbox or event, at least 1. The processes of a service share them.
   *
   * @default {1}
   */
  readonly shards?: number;
  /**
   * The number of messages that may wait in one queue, at least 1. `send` rejects with `transport-full` beyond it, and
   * above 64 MiB of bodies.
   *
   * @default {100_000}
   */
  readonly messages?: number;
  /**
   * The maximum size of a body, in bytes, at least 1. A larger one is refused with `too-large`.
   *
   * @default {1_048_576}
   */
  readonly messageBytes?: number;
}

const optionNames: OptionNames<MemoryBrokerOptions> = {
  messageBytes: true,
  messages: true,
  reads: true,
  shards: true,
};

/** A delivery that a service has rejected. */
export interface MemoryDeadLetter {
  /** The queue from which it came, for example `inbox order`. */
  readonly queue: string;
  /** The code of the reason. */
  readonly reason: string;
  /** What was rejected. */
  readonly delivery: Delivery;
}

/** A message of a program that is not written with this package: it may have no id. */
export interface StrangerMessage extends Omit<Parcel, "to" | "id" | "replyTo"> {
  /** Its id, if the program gives one. */
  readonly id?: string;
  /** The address of a channel that its sender reads, if any. */
  readonly replyTo?: string;
}

/** A broker in the memory of this process. */
export interface MemoryBroker {
  /** The properties of its transports. */
  readonly traits: TransportTraits;
  /** The last 1,000 deliveries that were rejected, oldest first. */
  readonly deadLetters: readonly MemoryDeadLetter[];
  /** Opens a connection. `memoryTransport` calls it for each system. */
  open(services: TransportServices): Promise<TransportConnection>;
  /**
   * Sends a message as a program would that is not written with this package. Returns why it was refused; `undefined` if
   * it was taken. Throws a {@linkcode PosthornError} (`transport-full`) if a queue is full.
   */
  send(to: Destination, message: StrangerMessage): Refusal | undefined;
}

const deadLettersMax = 1_000;
const bytesMax = 64 * 1_024 * 1_024;

/**
 * Creates a broker in the memory of this process. Systems that are given transports of the same broker are services
 * that speak to each other, for tests and to try out services without a broker. It keeps order and loses nothing; all
 * of it is gone with the process.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { memoryBroker } from "@posthorn/posthorn/memory";
 *
 * const broker = memoryBroker({ reads: "log" });
 * assert(broker.traits.reads === "log");
 * const refusal = broker.send({ kind: "inbox", protocol: "order", key: "ada" }, { body: new Uint8Array(), headers: {} });
 * assert(refusal?.code === "no-receiver"); // no service has this inbox
 * ```
 *
 * @param options how it is read, and its bounds
 * @returns a broker without queues: each service declares what it reads
 */
export function memoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  requireKnownOptions("memoryBroker", options, optionNames);
  const { reads = "queue", shards = 1, messages = 100_000, messageBytes = 1_048_576 } = options;
  requireOneOf("reads", reads, ["queue", "log"]);
  for (const [name, value] of Object.entries({ shards, messages, messageBytes })) {
    requireInteger(name, value, 1);
  }
  return new Broker({ reads, shards, messages, messageBytes });
}

/** Where a message goes, and what its delivery says. */
interface Route {
  readonly name: string;
  /** Absent if nobody has declared it. */
  readonly queues: Iterable<MemoryQueue> | undefined;
  /** What keeps messages in order. */
  readonly shardKey: string;
  readonly key: string;
  readonly operation: string | undefined;
}

/** A broker as its connections see it. */
export class Broker implements MemoryBroker {
  readonly traits: TransportTraits;
  readonly deadLetters: MemoryDeadLetter[] = [];
  readonly #options: Required<MemoryBrokerOptions>;
  readonly #queues = new Map<string, MemoryQueue>();
  /** The service that reads each inbox. */
  readonly #inboxes = new Map<string, string>();
  /** The queues of each event: one for each service. */
  readonly #events = new Map<string, Set<MemoryQueue>>();
  readonly #connections = new Set<TransportServices>();

  constructor(options: Required<MemoryBrokerOptions>) {
    this.#options = options;
    this.traits = {
      name: "memory",
      reads: options.reads,
      holds: "broker",
      order: "shard",
      namesStrangers: options.reads === "log",
      messageBytes: options.messageBytes,
      parcelsAtOnce: 100,
      failoverMs: restMs,
    };
  }

  // deno-lint-ignore require-await -- what is thrown rejects
  async open(services: TransportServices): Promise<TransportConnection> {
    const { service, store } = services;
    for (const other of this.#connections) {
      if (other.service !== service || other.store === store) continue;
      const why = `a process of it has another store: the processes of one service share one`;
      throw new PosthornError("another-store", `Cannot open the transport of the service ${service}: ${why}`);
    }
    this.#connections.add(services);
    return new MemoryConnection(this, services);
  }

  /** A connection is closed. */
  closed(services: TransportServices): void {
    this.#connections.delete(services);
  }

  send(to: Destination, message: StrangerMessage): Refusal | undefined {
    const { messageBytes } = this.#options;
    const { body, headers } = message;
    if (body.length > messageBytes) {
      const why = `its body has ${body.length} of ${messageBytes} bytes`;
      return { code: "too-large", message: `Cannot send ${message.id ?? "a message"}: ${why}` };
    }
    const { name, queues, shardKey, key, operation } = this.#routeOf(to);
    if (queues === undefined) {
      return { code: "no-receiver", message: `Cannot send to ${name}: no service reads it` };
    }
    for (const queue of queues) this.#requireRoom(queue, body.length);
    const stored: StoredMessage = { ...message, body: body.slice(), headers: { ...headers }, key, operation };
    for (const queue of queues) queue.append(shardKey, stored);
    return undefined;
  }

  /** Declares what is read, and lets the reader in. Throws if another service has the inbox. */
  join(channel: Channel, services: TransportServices, reader: QueueReader): MemoryQueue {
    const { service, random, clock } = services;
    if (channel.kind === "inbox") {
      const owner = this.#inboxes.get(channel.protocol) ?? service;
      if (owner !== service) {
        const why = `the service ${owner} reads it`;
        throw new PosthornError("another-service", `Cannot read the inbox of ${channel.protocol}: ${why}`);
      }
      this.#inboxes.set(channel.protocol, service);
    }
    const name = queueOf(channel, services);
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      const shards = channel.kind === "process" ? 1 : this.#options.shards;
      const epoch = this.#options.reads === "log" ? random.ulid(clock.now()) : undefined;
      queue = new MemoryQueue({ name, shards, epoch, rejected: (...why) => this.#reject(...why) });
      this.#queues.set(name, queue);
      if (channel.kind === "event") {
        const event = eventName(channel);
        this.#events.set(event, (this.#events.get(event) ?? new Set()).add(queue));
      }
    }
    queue.join(reader);
    return queue;
  }

  /** The queue of a process is gone with it. */
  remove(queue: MemoryQueue): void {
    this.#queues.delete(queue.name);
  }

  #routeOf(to: Destination): Route {
    if (to.kind === "event") {
      const name = eventName(to);
      return {
        name,
        queues: this.#events.get(name) ?? [],
        shardKey: to.key,
        key: to.subject,
        operation: to.event,
      };
    }
    if (to.kind === "inbox") return this.#inbox(to.protocol, to.key, to.operation?.name);
    const [kind, reader, key = ""] = to.address.split("/");
    if (kind === "inbox") return this.#inbox(reader, guarded(() => decodeURIComponent(key), key), undefined);
    const known = kind === "replies" || kind === "process";
    const queue = known ? this.#queues.get(`${kind} ${reader}`) : undefined;
    const gone = kind === "process" ? [] : undefined; // nobody waits for it any more
    return { name: to.address, queues: queue ? [queue] : gone, shardKey: "", key: "", operation: undefined };
  }

  #inbox(protocol: string, key: string, operation: string | undefined): Route {
    const queue = this.#queues.get(`inbox ${protocol}`);
    return { name: `inbox ${protocol}`, queues: queue && [queue], shardKey: key, key, operation };
  }

  #requireRoom({ name, waiting }: MemoryQueue, bytes: number): void {
    const { messages } = this.#options;
    const full = waiting.messages >= messages
      ? `${waiting.messages} of ${messages} messages`
      : waiting.bytes + bytes > bytesMax
      ? `${waiting.bytes} of ${bytesMax} bytes`
      : undefined;
    if (full !== undefined) {
      throw new PosthornError("transport-full", `Cannot send to ${name}: it holds ${full}`);
    }
  }

  #reject(queue: string, delivery: Delivery, reason: string): void {
    if (this.deadLetters.length === deadLettersMax) this.deadLetters.shift();
    this.deadLetters.push({ queue, reason, delivery });
  }
}
