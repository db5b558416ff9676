import type { RuntimeServices } from "../activations/runtime_services.ts";
import type { OpenStore } from "../durable/open_store.ts";
import type { Ids } from "../messages/ids.ts";
import type { ResolvedOptions } from "../ports/options.ts";
import type { Channel, Parcel, Receiver, TransportTraits } from "../ports/transport.ts";
import type { PendingReplies } from "./pending_replies.ts";
import type { Registry } from "./registry.ts";

/** What the intake of a system needs. */
export interface IntakeServices {
  /** The name of this service. */
  readonly service: string;
  readonly registry: Registry;
  readonly options: ResolvedOptions;
  readonly services: RuntimeServices;
  readonly ids: Ids;
  readonly traits: TransportTraits;
  /** The store; absent if the system has none. */
  readonly store: OpenStore | undefined;
  /** The asks and surveys of this process that wait for replies. */
  readonly pending: PendingReplies;
  /** Sends a parcel at once, from memory: the reply to an ask. It is lost with this process; a failure is reported. */
  sendNow(parcel: Parcel): void;
  /** Reports what no call can report. */
  report(error: unknown): void;
}

/** Takes what comes from the broker. */
export interface Intake {
  /** The receiver of a channel. */
  receiverOf(channel: Channel): Receiver;
  /** The system stops: waiting batches end, so that nothing waits for a time-out. */
  end(): void;
}
