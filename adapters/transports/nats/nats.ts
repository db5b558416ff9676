import type { Transport } from "../../../runtime/ports/transport.ts";
import { transportEngine } from "../../../runtime/remote/engine.ts";
import { NatsTransportConnection } from "./connection.ts";
import { type NatsOptions, settingsOf } from "./options.ts";

/**
 * Connects a system with other services over NATS: a server of at least 2.10 with JetStream. Tells, submits, events and
 * replies to actors wait in streams, which are read by position; asks are plain requests. It needs no package, but
 * `@nats-io/nats-core` for `credentials`, which is loaded when the system connects.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, tell } from "@posthorn/posthorn";
 * import { nats } from "@posthorn/posthorn/nats";
 * import * as z from "zod";
 *
 * const Order = protocol("order", { add: tell(z.number()) });
 * const transport = nats({ url: "nats://127.0.0.1:4222", expose: [Order.add] });
 * assert(transport.traits.messageBytes === 983_040);
 * ```
 *
 * @param options where the server is, and what is exposed
 * @returns a description of the connection, for one system
 * @throws {RangeError} if an option cannot be used
 */
export function nats(options: NatsOptions): Transport {
  const settings = settingsOf(options);
  return {
    engine: transportEngine,
    traits: {
      name: "nats",
      reads: "log",
      holds: "broker",
      order: "shard",
      namesStrangers: true,
      messageBytes: settings.messageBytes,
      parcelsAtOnce: 500,
      failoverMs: 5_000,
    },
    expose: options.expose ?? [],
    open: (services) => NatsTransportConnection.open(services, settings),
  };
}
