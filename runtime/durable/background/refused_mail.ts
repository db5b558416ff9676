import type { ActorId } from "../../language/address.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { isOfStore } from "../../base/store_errors.ts";
import { fits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { DeadLetter } from "../../ports/dead_letters.ts";
import type { Entry } from "../../ports/store.ts";
import { shownActor } from "../../messages/shown_name.ts";
import { commitKnown } from "../commits/commit_one.ts";
import { removalOf, type WriteSet } from "../commits/write_set.ts";
import type { WritingServices } from "../delivery/message_writer.ts";
import { mailPrefix, nameOfActor } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import { QueuedMessage } from "../rows/queued_message.ts";

const pageMax = 100;

/** What refusing mail needs. */
export interface RefusedMailServices extends WritingServices {
  /** Reports a dead letter of a message that never came into a mailbox of this process. */
  undelivered(letter: DeadLetter): void;
}

/**
 * Refuses messages that other processes have put into the store for an actor that is transient here. Its mailbox is in
 * memory, so nobody would ever handle them: each becomes a dead letter, and whoever waits for a reply is told at once.
 */
export class RefusedMail {
  readonly #services: RefusedMailServices;
  /** The actors whose messages are being refused, by name. */
  readonly #refusing = new Map<string, { readonly run: SingleFlight; calls: number }>();

  constructor(services: RefusedMailServices) {
    this.#services = services;
  }

  /** Whether no message of that actor is being refused. */
  atRest(actor: ActorId): boolean {
    return !this.#refusing.has(nameOfActor(actor));
  }

  /** Refuses all messages of an actor. Calls `failed` if the store does not answer: then some may be left. */
  async refuse(actor: ActorId, failed: () => void): Promise<void> {
    const name = nameOfActor(actor);
    const refusing = this.#refusing.get(name) ??
      { run: new SingleFlight(() => this.#refuseAll(actor)), calls: 0 };
    this.#refusing.set(name, refusing);
    refusing.calls++;
    try {
      await refusing.run.wake();
    } catch { // the store is not available, as its health says
      failed();
    } finally {
      if (--refusing.calls === 0) this.#refusing.delete(name);
    }
  }

  async #refuseAll(actor: ActorId): Promise<void> {
    const prefix = mailPrefix(actor);
    for await (const rows of pages(this.#services.session.connection, { prefix, limit: pageMax })) {
      await Promise.all(rows.map((row) => this.#tryOne(actor, row)));
    }
  }

  /** One that cannot be refused is reported, and stays; rejects if the store does not answer. */
  async #tryOne(actor: ActorId, row: Entry): Promise<void> {
    try {
      await this.#refuseOne(actor, row, QueuedMessage.of(row, mailPrefix(actor)));
    } catch (error) {
      if (isOfStore(error)) throw error;
      this.#services.session.onUnreadable(row.key, error);
    }
  }

  async #refuseOne(actor: ActorId, row: Entry, mail: QueuedMessage): Promise<void> {
    const { session, committedDelivery, undelivered } = this.#services;
    const { limits } = session.traits;
    let refusal = this.#refusalOf(actor, row, mail);
    if (!fits(sizeOfCommit(refusal.writeSet, limits), limits)) { // the letter is larger than the message was
      refusal = this.#refusalOf(actor, row, {
        head: mail.head,
        place: mail.place,
        text: "",
        payload: undefined,
      });
    }
    const { writeSet, letter } = refusal;
    const version = await commitKnown(session, writeSet);
    if (version === undefined) return; // it has gone
    session.probes?.reach("mail for a transient actor is refused");
    undelivered(letter);
    writeSet.land(committedDelivery, version, session.nextReadEpoch());
  }

  #refusalOf(
    actor: ActorId,
    row: Entry,
    mail: Pick<QueuedMessage, "head" | "text" | "payload" | "place">,
  ): { readonly writeSet: WriteSet; readonly letter: DeadLetter } {
    const writeSet = removalOf(row, row.value.length);
    const why = "it is transient where it is hosted, so nothing in the store reaches it";
    const message = `${shownActor(actor.protocol, actor.key)} ${mail.head.operation}: ${why}`;
    const { writer } = this.#services;
    const letter = writer.deadLetter(writeSet, actor, mail, {
      reason: "transient-peer",
      message,
      attempts: 0,
    });
    return { writeSet, letter };
  }
}
