import { transportEngine } from "../../../runtime/remote/engine.ts";
import type { Transport, TransportTraits } from "../../../runtime/ports/transport.ts";
import { loadClient } from "./client.ts";
import { type RabbitmqOptions, settingsOf } from "./options.ts";
import { RabbitmqConnection } from "./rabbitmq_connection.ts";

/**
 * Connects services over RabbitMQ, 3.10 or later. Each has a durable queue for what it reads, of the type `quorum`, so
 * that it survives the loss of a node; a broker without quorum queues cannot be used. One process of a service reads a
 * queue at a time, in order, and another one goes on within `failoverMs` if it crashes.
 *
 * - Messages to the actors of `order` go to the topic exchange `order`, with the key of the actor as routing key and
 *   the operation as `type`, and from there to the queue `order`.
 * - Events go to the topic exchange `posthorn.events`, with the routing key `order.settled.de.berlin`, and from there
 *   to one queue for each service that hears them: `billing.order.settled`.
 * - Replies go to `reply_to`, with `correlation_id`: an inbox, the queue `billing.replies`, or directly to a process.
 * - What a service without a store rejects is copied to `order.dead`, with the reason in `posthorn-reason`, at least
 *   once. It keeps the last 100,000.
 * - The empty queues `orders.store` and `order.service` say which store the service `orders` has, and that it has the
 *   inbox `order`. A process with another store is refused with `another-store`.
 *
 * A queue stays in the broker, and fills, when its service no longer reads it: delete it then. Do not bound the inboxes
 * by a policy with `reject-publish`: a message that is refused while one behind it is taken changes the order. Without
 * bounds the broker blocks those who publish when it is short of memory or disk: the state is then `blocked`, and `send`
 * waits. The user of the URL must be allowed to configure, write and read these names, and to write to `amq.default`, over
 * which replies go. `frame_max` of the broker must be at least 32 KiB. `rabbitmq-client` 5.0.8 is loaded when a system
 * opens the transport; on npm it is an optional peer, which you install.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, tell, unchecked } from "@posthorn/posthorn";
 * import { rabbitmq } from "@posthorn/posthorn/rabbitmq";
 *
 * const Order = protocol("order", { add: tell(unchecked<number>()) });
 * const transport = rabbitmq({ url: "amqp://orders:secret@localhost", expose: [Order.add] });
 * assert(transport.traits.failoverMs === 25_000);
 * ```
 *
 * @param options where the broker is, and what is exposed
 * @returns a description of the connection, for one system
 * @throws {RangeError} if an option cannot be used; its words contain no URL
 */
export function rabbitmq(options: RabbitmqOptions): Transport {
  const settings = settingsOf(options);
  const { heartbeatSeconds, messageBytes } = settings;
  const traits: TransportTraits = {
    name: "rabbitmq",
    reads: "queue",
    holds: "broker",
    order: "shard",
    namesStrangers: false,
    messageBytes,
    parcelsAtOnce: 1_000,
    // The broker waits for two heartbeats, and a reader that has failed rests for up to five seconds.
    failoverMs: 2_000 * heartbeatSeconds + 5_000,
  };
  return {
    engine: transportEngine,
    traits,
    expose: options.expose ?? [],
    open: async (services) => RabbitmqConnection.open(await loadClient(), settings, services),
  };
}
