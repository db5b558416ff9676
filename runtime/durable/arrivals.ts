import type { ActorId } from "../language/address.ts";
import { Envelope } from "../messages/envelope.ts";
import type { Deliveries } from "../activations/services.ts";
import type { DurableActivation } from "./activations/durable_activation.ts";
import type { Arrival, Landing, LocalDelivery } from "./commits/effects.ts";
import type { Keeper } from "./background/keeper.ts";
import type { Ledger } from "./commits/ledger.ts";
import { Mail } from "./rows/mail.ts";

/** What taking in commits needs of the others. */
export interface ArrivalsParts {
  readonly ledger: Ledger;
  readonly delivery: Deliveries;
  keeper(): Keeper;
  /** Whether the system ends: then nothing is loaded any more. */
  ending(): boolean;
  /** An actor that is in memory. */
  find(actor: ActorId): DurableActivation | undefined;
  /** Loads an actor, where there is room. */
  activate(actor: ActorId): DurableActivation | undefined;
}

/** Takes in what commits bring to this process: mail goes to whom it is for, the rest to those who keep nothing. */
export class Arrivals implements Landing {
  readonly #parts: ArrivalsParts;

  constructor(parts: ArrivalsParts) {
    this.#parts = parts;
  }

  handOver(arrivals: readonly Arrival[], version: string | undefined, senderMoment: number): void {
    const parts = this.#parts;
    const { probes } = parts.ledger;
    if (probes?.without("hand-over")) return;
    const keeper = parts.keeper();
    const moment = probes?.without("listed-after-loaded") ? 0 : senderMoment;
    for (const { to, draft } of arrivals) {
      const found = parts.find(to);
      if (parts.ending() || (found ?? parts.activate(to)) === undefined) {
        keeper.left(to);
        probes?.reach("there is no room for an actor that has mail");
        continue;
      }
      if (version === undefined) { // it may have been handled meanwhile: the store says
        keeper.left(to);
        found?.look();
        continue;
      }
      keeper.wrote(to, version);
      const mail = Mail.committed(draft, version);
      const before = draft.head.attempts !== undefined || draft.accepted;
      if (!before) this.accepted(to, mail);
      found?.arrive(mail, moment);
    }
  }

  accepted(to: ActorId, mail: Mail): void {
    const { delivery } = this.#parts;
    if (delivery.inspectors.silent) return;
    const { id, operation: name } = mail.head;
    const { protocol, key } = to;
    const operation = delivery.operationAt({ protocol, key, operation: name });
    const envelope = new Envelope(mail.route(operation, 0, undefined), key, id, undefined);
    delivery.inspect({ type: "accepted" }, envelope);
  }

  deliverLocally(locals: readonly LocalDelivery[]): void {
    const { delivery } = this.#parts;
    for (const { to, route, payload } of locals) {
      const { protocol, key } = to;
      // An address knows no more than a name: its receiver is told by its own operation.
      const operation = delivery.operationAt({ protocol, key, operation: route.operation.name });
      delivery.deliver(to, route.of(operation), payload);
    }
  }
}
