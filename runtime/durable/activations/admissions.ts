import { StoppedError } from "../../base/errors.ts";
import type { Operation } from "../../language/protocol.ts";
import { StoreError } from "../../base/store_errors.ts";
import type { Admission } from "./admission.ts";
import type { Batch } from "./batch.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { batchMax } from "./suspicion.ts";

/**
 * Messages from outside that are accepted with their own turns: one commit instead of two. Their actor must be in this
 * process, have little to do, and have returned at once so far; and no earlier message may still be on its way. Later
 * messages that cannot be accepted so wait until these are decided.
 */
export class Admissions {
  readonly #actor: DurableActivation;
  /** The undecided, in order: usually the first is decided first. */
  #open: Admission[] = [];
  readonly #behind: (() => void)[] = [];

  constructor(actor: DurableActivation) {
    this.#actor = actor;
  }

  /** Whether a message of that operation can be accepted with its turn. */
  takes({ slot }: Operation): boolean {
    const { host, mailbox, status, accepting, contention, picker, protocol } = this.#actor;
    if (host.direct[slot] !== true || accepting > 0 || !contention.calm || picker.onTrial) return false;
    if (status !== "idle" && status !== "ready" && status !== "committing") return false;
    if (protocol.startsWith("~")) return false; // a message of theirs may take many turns
    const { mails, inHand, complete, missed, leaving } = mailbox;
    return complete && !missed && leaving.size === 0 && mails.length - inHand < batchMax;
  }

  /** Puts a message into the mailbox; its turn will accept it. */
  take(admission: Admission): void {
    const { mail } = admission;
    this.#open.push(admission);
    this.#actor.durable.committedDelivery.accepted(this.#actor, mail);
    admission.watched();
    this.#actor.ask(mail);
  }

  /** Calls `commit` as soon as no admission is undecided. */
  behind(commit: () => void): void {
    if (this.#open.length === 0) commit();
    else this.#behind.push(commit);
  }

  /** Adds the admissions of a batch to it. A message that has come into the store meanwhile is removed from there. */
  join(batch: Batch): void {
    for (const mail of batch.direct) {
      const open = this.#open[this.#indexOf(mail)];
      const keeps = mail === batch.kept;
      if (open === undefined) {
        if (!keeps) batch.remove(mail);
        continue;
      }
      open.join(batch, keeps);
      batch.after(() => {
        this.#decided(mail);
        open.landed();
      });
    }
  }

  /** The commit with these messages failed. */
  failed(direct: readonly QueuedMessage[], error: unknown): void {
    for (const mail of direct) {
      const open = this.#open[this.#indexOf(mail)];
      if (open === undefined) continue; // it was committed by itself
      this.#actor.mailbox.remove(mail);
      open.failed(error);
      this.#decided(mail);
    }
  }

  /** It cannot be known whether the commit with these messages landed. */
  doubt(direct: readonly QueuedMessage[]): void {
    for (const mail of direct) this.#open[this.#indexOf(mail)]?.doubt();
  }

  /**
   * Commits all undecided messages by themselves, since their turns would take too long. Those that are in hand, at the
   * head of the mailbox, stay there; the promise resolves when these are in the store, and rejects if one is not.
   */
  store(inHand = 0): Promise<unknown> | undefined {
    if (this.#open.length === 0) return undefined;
    const { mailbox, durable: { session: { probes } } } = this.#actor;
    const all = this.#open;
    this.#open = [];
    const atHead = new Set(mailbox.mails.slice(0, inHand));
    mailbox.withdraw(new Set(all.map(({ mail }) => mail).filter((mail) => !atHead.has(mail))));
    const awaited: Promise<void>[] = [];
    for (const admission of all) {
      const { mail } = admission;
      const held = atHead.has(mail);
      probes?.reach(held ? "a message in hand is stored" : "a message is stored before its turn");
      if (held) mailbox.expect(mail);
      const stored = admission.store();
      if (held) awaited.push(stored.then(() => requireStored(mail)));
      else stored.catch(() => {}); // `accepted` tells its sender
    }
    this.#goOn();
    if (awaited.length === 0) return undefined;
    const together = Promise.all(awaited);
    together.catch(() => {}); // a handler may have failed before
    return together;
  }

  /** The system stops: refuses those whose commit is not under way. */
  end(committing: readonly QueuedMessage[]): void {
    if (this.#open.length === 0) return;
    const waiting = this.#open.map(({ mail }) => mail).filter((mail) => !committing.includes(mail));
    this.failed(waiting, new StoppedError(`Cannot accept for ${this.#actor}: the system has stopped`));
  }

  #indexOf(mail: QueuedMessage): number {
    return this.#open[0]?.mail === mail ? 0 : this.#open.findIndex((open) => open.mail === mail);
  }

  #decided(mail: QueuedMessage): void {
    const index = this.#indexOf(mail);
    if (index === 0) this.#open.shift();
    else this.#open.splice(index, 1);
    if (this.#open.length === 0) this.#goOn();
  }

  #goOn(): void {
    if (this.#behind.length === 0) return;
    for (const commit of this.#behind.splice(0)) commit();
  }
}

/** Throws if its version in the store is not known here. */
function requireStored({ key }: QueuedMessage): void {
  if (key !== undefined) return;
  throw new StoreError("store-unavailable", "Cannot go on with a message: it is to be listed again");
}
