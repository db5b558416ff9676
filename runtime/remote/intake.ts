import type { RuntimeServices } from "../activations/runtime_services.ts";
import { StoppedError } from "../base/errors.ts";
import type { LocalRespondents } from "../durable/local_respondents.ts";
import type { OpenStore } from "../durable/open_store.ts";
import type { ActorId, Address } from "../language/address.ts";
import type { Operation } from "../language/protocol.ts";
import { Publication, topicKey } from "../messages/builtin_protocols.ts";
import { Route } from "../messages/envelope.ts";
import type { Ids } from "../messages/ids.ts";
import type { ResolvedOptions } from "../ports/options.ts";
import type { Channel, Delivery, Parcel, Receiver, Tenure } from "../ports/transport.ts";
import type { DurableIntakeParts } from "./durable_intake.ts";
import { type Meaning, Meanings } from "./meaning.ts";
import type { PendingReplies } from "./pending_replies.ts";
import { ProcessReceiver } from "./process_receiver.ts";
import type { Registry } from "./registry.ts";
import { RemoteAsks } from "./remote_asks.ts";
import { type ReceivedMessage, receivedMessage } from "./received_message.ts";
import { TransientIntake } from "./transient_intake.ts";
import { TransientRuns } from "./transient_runs.ts";

/** What the intake of a system needs. */
export interface IntakeServices {
  /** The name of this service. */
  readonly service: string;
  readonly registry: Registry;
  readonly options: ResolvedOptions;
  readonly services: RuntimeServices;
  readonly ids: Ids;
  /** How the transport reads. */
  readonly reads: "queue" | "log";
  /** The store; absent if the system has none. */
  readonly store: OpenStore | undefined;
  /** What takes messages into the store. It is loaded with the outbox: only a system with a store loads it. */
  readonly durable: { receiver(channel: Channel, parts: DurableIntakeParts): Receiver } | undefined;
  /** Functions in this process that answer surveys beside a store; absent if there is none. */
  readonly respondents: LocalRespondents | undefined;
  /** The key of the later in memory of a request that is answered later, by its id and where its reply goes. */
  laterOf(requestId: string, replyTo: Address): Promise<string | undefined>;
  /** The asks and surveys of this process that wait for replies. */
  readonly pending: PendingReplies;
  /** Puts a message from outside a turn into its mailbox, as `Delivery.accept` does. */
  accept(to: ActorId, operation: Operation, payload: unknown, route: Route): Promise<unknown> | undefined;
  /** Sends a parcel at once, from memory: the reply to an ask. It is lost with this process; a failure is reported. */
  sendNow(parcel: Parcel): void;
}

/** Takes what comes from the broker. */
export interface Intake {
  /** The receiver of a channel. */
  receiverOf(channel: Channel): Receiver;
  /** The system stops: waiting batches end, so that nothing waits for a time-out. */
  end(): void;
}

/** The intake of a system: into its store, or into the mailboxes of this process if it has none. */
export function intakeOf(intake: IntakeServices): Intake {
  const { service, registry, options, services, ids, store, durable, pending } = intake;
  const { clock } = services;
  const { delivery } = services;
  const { askTimeoutMs, deduplicationWindowMs } = options;
  const meanings = new Meanings({ service, registry, clock, askTimeoutMs });
  const runs = new TransientRuns(delivery, options.limits.ids);
  const asks = new RemoteAsks({
    service,
    nextId: () => ids.text(ids.next()),
    accept: (to, operation, payload, route) => intake.accept(to, operation, payload, route),
    sendNow: (parcel) => intake.sendNow(parcel),
  });
  const stopping = new AbortController();
  const freshId = () => ids.ulid();
  const laterOf: IntakeServices["laterOf"] = (id, replyTo) => intake.laterOf(id, replyTo);
  const receiverOf = (channel: Channel): Receiver => {
    const reading = {
      read: (one: Delivery, tenure: Tenure): ReceivedMessage => receivedMessage(one, tenure, freshId),
      meaningOf: (message: ReceivedMessage): Meaning => meanings.of(message, channel),
    };
    if (channel.kind === "process") return new ProcessReceiver(pending);
    const parts = { ...reading, clock, runs, asks, laterOf, stopping: stopping.signal };
    if (store === undefined || durable === undefined) return new TransientIntake({ ...parts, delivery });
    const respondents = ({ route, payload }: Meaning & { readonly kind: "message" }) => {
      const found = Publication.is(payload)
        ? intake.respondents?.of(topicKey(payload.operation), payload.check().subject) ?? []
        : [];
      const { correlationId, replyTo, deadline, extras: { id, headers } = {} } = route;
      const chain = correlationId ?? id;
      const own = headers && { headers };
      const ask = () => {
        for (const to of found) {
          const operation = delivery.operationAt(to);
          delivery.deliver(to, new Route(operation, id, chain, replyTo, deadline, own), payload);
        }
      };
      return { count: found.length, ask };
    };
    const { reads } = intake;
    return durable.receiver(channel, { ...parts, store, deduplicationWindowMs, reads, respondents });
  };
  return {
    receiverOf,
    end: () => stopping.abort(new StoppedError("Cannot accept from the broker: the system stops")),
  };
}
