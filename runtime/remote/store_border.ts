import type { OpenStore } from "../durable/open_store.ts";
import type { RemoteWritingServices } from "../durable/remote_part.ts";
import type { Channel, Receiver, TransportConnection } from "../ports/transport.ts";
import { DurableIntake, type DurableIntakeParts } from "./durable_intake.ts";
import { DurableSending } from "./durable_sending.ts";
import { Outbox } from "./outbox.ts";
import { OutboxLanes } from "./outbox_lanes.ts";
import type { PumpServices } from "./pump.ts";
import type { Remote } from "./remote.ts";

/** The border of a service that has a store: its outbox, which is there before the transport is open, and its intake. */
export class StoreBorder {
  readonly lanes: OutboxLanes;
  readonly outbox: Outbox;
  /** What its lanes send with. */
  readonly pump: PumpServices & { connection: TransportConnection | undefined };

  readonly #remote: Remote;

  constructor(remote: Remote, services: RemoteWritingServices) {
    const { parts, registry } = remote;
    this.#remote = remote;
    const { options, services: system, ids, service, report, transport: { traits } } = parts;
    const { random, deduplicationWindowMs, replyRetentionMs, laterMs, limits } = options;
    this.pump = { connection: undefined, timers: system.timers, random, report };
    const keepMs = deduplicationWindowMs / 2;
    const bounds = { rows: limits.outbox, bytes: limits.outboxBytes };
    this.lanes = new OutboxLanes(
      { ...services, pump: this.pump, traits, keepMs },
      bounds,
      () => system.rest(),
    );
    this.outbox = new Outbox({
      service,
      registry,
      session: services.session,
      replies: services.replies,
      ids,
      random,
      lanes: this.lanes,
      traits,
      peers: remote.peers,
      expectMs: Math.max(deduplicationWindowMs, replyRetentionMs, laterMs),
      isStored: (protocol) => parts.actors.some(({ name, transient }) => name === protocol && !transient),
    });
  }
  /** What accepts messages to other services into the store, once it is open. */
  sending(store: OpenStore): DurableSending {
    return new DurableSending(this.#remote, store, this);
  }

  /** What accepts the messages of other services into the store. */
  receiver(channel: Channel, parts: DurableIntakeParts): Receiver {
    return new DurableIntake(channel, parts);
  }
}
