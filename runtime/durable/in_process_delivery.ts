import type { ActorId } from "../language/address.ts";
import type { DeliveryPort } from "../activations/runtime_services.ts";
import type { CommittedDelivery, CommittedMessage, TransientMessage } from "./commits/write_set.ts";
import type { Assignments } from "./background/assignments.ts";
import type { StoreSession } from "./commits/store_session.ts";
import type { LocalActors } from "./open_store.ts";
import { unheard } from "../messages/watch.ts";
import { QueuedMessage } from "./rows/queued_message.ts";

/**
 * Delivers what a commit brings to this process: durable actors that are here get their messages without reading them,
 * and actors that keep nothing get theirs in memory.
 */
export class InProcessDelivery implements CommittedDelivery {
  readonly #session: StoreSession;
  readonly #delivery: DeliveryPort;
  readonly #localActors: LocalActors;
  readonly #assignments: () => Assignments;

  constructor(
    session: StoreSession,
    delivery: DeliveryPort,
    localActors: LocalActors,
    assignments: () => Assignments,
  ) {
    this.#session = session;
    this.#delivery = delivery;
    this.#localActors = localActors;
    this.#assignments = assignments;
  }

  deliverCommitted(
    arrivals: readonly CommittedMessage[],
    version: string | undefined,
    senderEpoch: number,
  ): void {
    const { hosts, ending, activate } = this.#localActors;
    const assignments = this.#assignments();
    for (const { to, draft } of arrivals) {
      const moved = draft.head.attempts !== undefined;
      const mail = QueuedMessage.committed(draft, version ?? "");
      if (!moved && !draft.accepted) this.accepted(to, mail);
      const found = hosts.get(to.protocol)?.find(to.key);
      if (ending() || (found ?? activate(to)) === undefined) {
        assignments.left(to);
        this.#session.probes?.reach("there is no room for an actor that has mail");
        continue;
      }
      if (version === undefined) { // it may have been handled meanwhile, so the actor reads it
        assignments.left(to);
        found?.look();
        continue;
      }
      assignments.wrote(to, version);
      found?.enqueue(mail, senderEpoch);
    }
  }

  accepted(to: ActorId, mail: QueuedMessage, found = false): void {
    const delivery = this.#delivery;
    if (delivery.inspectors.unobserved) return;
    const stands = delivery.reports.drawnInStore();
    if (stands === undefined) {
      mail.watch = unheard;
      return;
    }
    const { operation: name } = mail.head;
    const { protocol, key } = to;
    const operation = delivery.operationAt({ protocol, key, operation: name });
    const route = mail.route(operation, 0, undefined);
    mail.watch = delivery.reports.acceptedInStore(route, key, stands, mail.acceptedMs, found);
  }

  acceptedElsewhere(arrivals: readonly CommittedMessage[], version: string | undefined): void {
    if (this.#delivery.inspectors.unobserved) return;
    for (const { to, draft } of arrivals) this.accepted(to, QueuedMessage.committed(draft, version ?? ""));
  }

  deliverTransient(transientMessages: readonly TransientMessage[]): void {
    const delivery = this.#delivery;
    for (const { to, route, payload } of transientMessages) {
      const { protocol, key } = to;
      // An address has only the name of an operation: its receiver's schema and handler are found by that.
      const operation = delivery.operationAt({ protocol, key, operation: route.operation.name });
      delivery.deliver(to, route.of(operation), payload);
    }
  }
}
