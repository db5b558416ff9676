import { PosthornError } from "../../../runtime/base/errors.ts";
import { listedIn } from "../../../runtime/language/listed.ts";
import type { NamedProtocol, Operation } from "../../../runtime/language/protocol.ts";
import type { Transport, TransportServices } from "../../../runtime/ports/transport.ts";
import { transportEngine } from "../../../runtime/remote/engine.ts";
import { KafkaConnection } from "./connection.ts";
import { kafkajsLinks } from "./kafkajs_link.ts";
import { eventTopic, prefixOf } from "./names.ts";
import type { KafkaReplay } from "./replay.ts";
import { type KafkaOptions, settingsOf } from "./options.ts";

/** A transport over Kafka. */
export interface KafkaTransport extends Transport {
  /**
   * Handles again what is in the log of a protocol, of one of its operations, or of an event, from an offset or a time up
   * to the end of the log as it is now. A system that runs on this transport must read it. All of it takes effect once
   * more, in the order of each key, beside what comes meanwhile; replies are left out, and nothing is answered again.
   * Resolves with the number of messages when all of them are accepted. Rejects with a {@linkcode PosthornError}:
   * `no-receiver` if nobody here reads it, `transport-closed` if the system stops meanwhile.
   */
  replay(what: NamedProtocol<string> | Operation, from: KafkaReplay): Promise<number>;
}

/**
 * Connects a system with other services over Apache Kafka 3.0 or newer. The client (`kafkajs`) is loaded when the system
 * starts; it needs the permissions `--allow-net` and `--allow-env`.
 *
 * What there is in the cluster: a topic for each protocol (`order`), keyed by actor; one for each event (`order.settled`);
 * `<service>.replies`, and `<service>.replies.process` for asks and surveys; `<topic>.dead` for what was rejected. The
 * transport makes those that its own service reads and the events that it publishes, and never the inbox of another: what
 * is sent there is refused with `no-receiver`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, tell } from "@posthorn/posthorn";
 * import { kafka } from "@posthorn/posthorn/kafka";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { add: tell(z.number()) });
 * const transport = kafka({ brokers: ["localhost:9092"], expose: [Order.add] });
 * assert(transport.traits.reads === "log");
 * ```
 *
 * @param options the brokers, and how to speak to them. Throws a `TypeError` or a `RangeError` if one is wrong
 * @returns a description of the connection, for one system
 */
export function kafka(options: KafkaOptions): KafkaTransport {
  const settings = settingsOf(options);
  const connections = new Set<KafkaConnection>();
  const { expose: given = [] } = options;
  const listed = listedIn("expose", given);
  const expose = [...given];
  for (const { mode, protocol, name } of listed) {
    if (mode === "event" || mode === "survey") eventTopic("", protocol, name); // throws if the name is taken
  }
  return {
    engine: transportEngine,
    traits: {
      name: "kafka",
      reads: "log",
      holds: "broker",
      order: "shard",
      namesStrangers: true,
      messageBytes: settings.messageBytes,
      parcelsAtOnce: 1_000,
      failoverMs: settings.sessionTimeoutMs + settings.rebalanceTimeoutMs,
    },
    expose,
    async open(services: TransportServices) {
      const library = await load();
      const openLink = kafkajsLinks(library, settings, services.instance);
      const connection = new KafkaConnection(
        openLink,
        settings,
        services,
        (closed) => connections.delete(closed),
      );
      try {
        await connection.opened();
      } catch (error) {
        await connection.close();
        throw error;
      }
      connections.add(connection);
      return connection;
    },
    async replay(what, from) {
      const { topic, operation } = replayed(what, from, prefixOf(settings.namespace));
      const connection = [...connections].find((one) => one.reads(topic));
      if (connection !== undefined) return await connection.replay(topic, operation, from);
      throw new PosthornError(
        "no-receiver",
        `Cannot replay ${topic}: no system that runs on this transport reads it`,
      );
    },
  };
}

/** The topic that is to be replayed, and the operation if it is only one. Throws if what is asked is not possible. */
function replayed(
  what: NamedProtocol<string> | Operation,
  { offset, atMs, name }: KafkaReplay,
  prefix: string,
): { readonly topic: string; readonly operation: string | undefined } {
  if ((offset === undefined) === (atMs === undefined)) {
    throw new TypeError("Cannot replay: say either `offset` or `atMs`");
  }
  for (const number of [offset, atMs]) {
    if (number === undefined || (Number.isSafeInteger(number) && number >= 0)) continue;
    throw new RangeError(`Cannot replay from ${number}: it must be a whole number of at least 0`);
  }
  if (name !== undefined && !/^[a-z0-9-]{1,32}$/.test(name)) {
    throw new RangeError("Cannot replay: `name` must have 1 to 32 characters of [a-z0-9-]");
  }
  if ("~protocol" in what) return { topic: prefix + what["~protocol"].name, operation: undefined };
  if (what.mode === "event" || what.mode === "survey") {
    return { topic: eventTopic(prefix, what.protocol, what.name), operation: undefined };
  }
  return { topic: prefix + what.protocol, operation: what.name };
}

async function load() {
  try {
    return await import("./library.ts");
  } catch (error) {
    throw new PosthornError("transport-unavailable", "Cannot load kafkajs on this platform", {
      cause: error,
    });
  }
}
