import type { ActorId } from "../language/address.ts";
import { Envelope } from "../messages/envelope.ts";
import type { DeliveryPort } from "../activations/runtime_services.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import type { CommittedDelivery, CommittedMessage, TransientMessage } from "./commits/write_set.ts";
import type { Assignments } from "./background/assignments.ts";
import type { StoreSession } from "./commits/store_session.ts";
import { QueuedMessage } from "./rows/queued_message.ts";

/** What taking in commits needs of the others. */
export interface InProcessDeliveryParts {
  readonly session: StoreSession;
  readonly delivery: DeliveryPort;
  assignments(): Assignments;
  /** Whether the system ends: then nothing is loaded any more. */
  ending(): boolean;
  /** An actor that is in memory. */
  find(actor: ActorId): DurableActivation | undefined;
  /** Loads an actor, where there is room. */
  activate(actor: ActorId): DurableActivation | undefined;
}

/** Takes in what commits bring to this process: mail goes to whom it is for, the rest to those who keep nothing. */
export class InProcessDelivery implements CommittedDelivery {
  readonly #parts: InProcessDeliveryParts;

  constructor(parts: InProcessDeliveryParts) {
    this.#parts = parts;
  }

  deliverCommitted(
    arrivals: readonly CommittedMessage[],
    version: string | undefined,
    senderEpoch: number,
  ): void {
    const parts = this.#parts;
    const { probes } = parts.session;
    if (probes?.without("hand-over")) return;
    const assignments = parts.assignments();
    const epoch = probes?.without("listed-after-loaded") ? 0 : senderEpoch;
    for (const { to, draft } of arrivals) {
      const found = parts.find(to);
      if (parts.ending() || (found ?? parts.activate(to)) === undefined) {
        assignments.left(to);
        probes?.reach("there is no room for an actor that has mail");
        continue;
      }
      if (version === undefined) { // it may have been handled meanwhile: the store says
        assignments.left(to);
        found?.look();
        continue;
      }
      assignments.wrote(to, version);
      const mail = QueuedMessage.committed(draft, version);
      const before = draft.head.attempts !== undefined || draft.accepted;
      if (!before) this.accepted(to, mail);
      found?.enqueue(mail, epoch);
    }
  }

  accepted(to: ActorId, mail: QueuedMessage): void {
    const { delivery } = this.#parts;
    if (delivery.inspectors.unobserved) return;
    const { id, operation: name } = mail.head;
    const { protocol, key } = to;
    const operation = delivery.operationAt({ protocol, key, operation: name });
    const envelope = new Envelope(mail.route(operation, 0, undefined), key, id, undefined);
    delivery.inspect({ type: "accepted" }, envelope);
  }

  deliverTransient(transientMessages: readonly TransientMessage[]): void {
    const { delivery } = this.#parts;
    for (const { to, route, payload } of transientMessages) {
      const { protocol, key } = to;
      // An address knows no more than a name: its receiver is told by its own operation.
      const operation = delivery.operationAt({ protocol, key, operation: route.operation.name });
      delivery.deliver(to, route.of(operation), payload);
    }
  }
}
