import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Transport, TransportServices } from "../../../runtime/ports/transport.ts";
import { KafkaConnection } from "./connection.ts";
import { kafkajsLinks } from "./kafkajs_link.ts";
import { type KafkaOptions, settingsOf } from "./options.ts";

/**
 * Connects a system with other services over Apache Kafka 3.0 or newer. The client (`kafkajs`) is loaded when the system
 * starts; it needs the permissions `--allow-net`, `--allow-env` and `--allow-sys`.
 *
 * What there is in the cluster: a topic for each protocol (`order`), keyed by actor; one for each event (`order.settled`);
 * `<service>.replies`, and `<service>.replies.process` for asks and surveys; `<topic>.dead` for what was rejected. The
 * transport makes those that its own service reads and the events that it publishes, and never the inbox of another: what
 * is sent there is refused with `no-receiver`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, tell, unchecked } from "@posthorn/posthorn";
 * import { kafka } from "@posthorn/posthorn/kafka";
 *
 * const Order = protocol("order", { add: tell(unchecked<number>()) });
 * const transport = kafka({ brokers: ["localhost:9092"], expose: [Order.add] });
 * assert(transport.traits.reads === "log");
 * ```
 *
 * @param options the brokers, and how to speak to them. Throws a `TypeError` or a `RangeError` if one is wrong
 * @returns a description of the connection, for one system
 */
export function kafka(options: KafkaOptions): Transport {
  const settings = settingsOf(options);
  return {
    traits: {
      name: "kafka",
      reads: "log",
      order: "shard",
      namesStrangers: true,
      messageBytes: settings.messageBytes,
      parcelsAtOnce: 500,
      failoverMs: settings.sessionTimeoutMs + settings.rebalanceTimeoutMs,
    },
    expose: [...options.expose ?? []],
    async open(services: TransportServices) {
      const library = await load();
      const openLink = kafkajsLinks(library, settings, services.instance);
      const connection = new KafkaConnection(openLink, settings, services);
      try {
        await connection.opened();
      } catch (error) {
        await connection.close();
        throw error;
      }
      return connection;
    },
  };
}

async function load() {
  try {
    return await import("kafkajs");
  } catch (error) {
    throw new PosthornError("transport-unavailable", "Cannot load kafkajs on this platform", {
      cause: error,
    });
  }
}
