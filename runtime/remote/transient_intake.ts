import type { Clock } from "../base/clock.ts";
import type { DeliveryPort } from "../activations/runtime_services.ts";
import { MailboxFullError } from "../base/errors.ts";
import type { ActorId, Address } from "../language/address.ts";
import { Envelope, Route } from "../messages/envelope.ts";
import { withdrawalOf } from "../messages/later.ts";
import { remoteAddress } from "../messages/remote_address.ts";
import { shownActor } from "../messages/shown_name.ts";
import type { Delivery, Receiver, Rejection, Tenure } from "../ports/transport.ts";
import type { CancelMeaning } from "./cancel_intake.ts";
import type { Meaning } from "./meaning.ts";
import { Patience } from "./patience.ts";
import { outcomeUnknown, type RemoteAsks } from "./remote_asks.ts";
import type { ReceivedMessage } from "./received_message.ts";
import type { TransientRuns } from "./transient_runs.ts";

/** What an intake without a store needs. */
export interface TransientIntakeParts {
  readonly clock: Clock;
  readonly delivery: DeliveryPort;
  readonly runs: TransientRuns;
  readonly asks: RemoteAsks;
  /** The key of the later in memory of a request that is answered later, by its id and where its reply goes. */
  laterOf(requestId: string, replyTo: Address): Promise<string | undefined>;
  /** Is aborted when the system stops. */
  readonly stopping: AbortSignal;
  read(delivery: Delivery, tenure: Tenure): ReceivedMessage;
  meaningOf(message: ReceivedMessage): Meaning;
}

/**
 * Takes what comes to a channel of a system without a store. A batch is acknowledged when its turns are over, so each
 * message is handled at least once: it comes again if this process ends before that.
 */
export class TransientIntake implements Receiver {
  readonly #parts: TransientIntakeParts;
  /** Up to where this process has started the asks of each shard of a log, and in which log. */
  readonly #asked = new Map<string, { readonly epoch: string; readonly position: number }>();

  constructor(parts: TransientIntakeParts) {
    this.#parts = parts;
  }

  begin(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  async take(batch: readonly Delivery[], tenure: Tenure): Promise<readonly Rejection[]> {
    const { clock, stopping, read, meaningOf, runs } = this.#parts;
    const patience = new Patience(clock, tenure, stopping);
    const rejections: Rejection[] = [];
    const ends: Promise<void>[] = [];
    for (let index = 0; index < batch.length; index++) {
      const delivery = batch[index];
      const message = read(delivery, tenure);
      const meaning = meaningOf(message);
      if (meaning.kind === "message") {
        // No message overtakes another one. Without a wait, what the batch takes back has not begun to run.
        while (!runs.hasRoom(meaning.to)) await patience.wait(() => this.#full(meaning.to));
        patience.advanced();
        ends.push(runs.run(meaning));
      } else if (meaning.kind === "cancel") ends.push(this.#takeBack(meaning));
      else {
        const reason = this.#takeOther(message, meaning, tenure);
        if (reason !== undefined) rejections.push({ index, reason });
      }
    }
    if (ends.length > 0) await patience.turns(Promise.all(ends));
    return rejections;
  }

  #full({ protocol, key }: ActorId): MailboxFullError {
    const bound = this.#parts.delivery.hosts.get(protocol)?.turnCapacity ?? 0;
    return new MailboxFullError(shownActor(protocol, key), bound, bound);
  }

  /** Takes what goes into no mailbox. Returns why it will not be handled. */
  #takeOther(message: ReceivedMessage, meaning: Meaning, tenure: Tenure): string | undefined {
    const { asks, delivery } = this.#parts;
    if (meaning.kind === "ask") {
      if (this.#wasAsked(message.delivery, tenure)) asks.refuse(message, outcomeUnknown);
      else asks.run(message, meaning);
    } else if (meaning.kind === "refused") {
      const { asked, fault, to, route, kept } = meaning;
      if (asked) return void asks.refuse(message, fault);
      const envelope = new Envelope(route, to.key, message.id, kept);
      delivery.deadLetter(envelope, fault.code, `${envelope}: ${fault.message}`);
      return fault.code;
    } else if (meaning.kind === "reply") return "late-reply"; // nobody keeps anything that waits for it
  }

  /**
   * Takes back a request, as a system without other services does. One that is over has been answered, and its answer tells
   * how it ended; of one that never came, or is answered by another process, nothing is known here.
   */
  async #takeBack({ to, requestId, returnTo }: CancelMeaning): Promise<void> {
    if (returnTo?.correlationId === undefined) return; // only who sent the request knows that
    const { delivery, runs, laterOf } = this.#parts;
    const replyTo = remoteAddress(returnTo, "arrive");
    if (runs.takeBack(to, requestId, replyTo)) return;
    const later = await laterOf(requestId, replyTo);
    if (later === undefined) return;
    const { to: keeper, operation } = withdrawalOf(later);
    delivery.deliver(keeper, new Route(operation), undefined);
  }

  /** Whether an ask may have been started before. In a log its position tells, as far as this process read it. */
  #wasAsked({ again, position }: Delivery, { shard, epoch }: Tenure): boolean {
    if (epoch === undefined || position === undefined) return again;
    const before = this.#asked.get(shard);
    if (before?.epoch === epoch && position <= before.position) return true;
    this.#asked.set(shard, { epoch, position });
    return false;
  }
}
