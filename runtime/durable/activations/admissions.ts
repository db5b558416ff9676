import { StoppedError } from "../../base/errors.ts";
import type { Operation } from "../../language/protocol.ts";
import { OutcomeUnknownError, StoreError } from "../../base/store_errors.ts";
import type { Admission } from "./admission.ts";
import type { Batch } from "./batch.ts";
import { failAsks } from "./fail_asks.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { batchMax } from "./suspicion.ts";

/** A message that is being committed by itself, and the asks that wait until it is in the mailbox. */
export interface Committing {
  readonly place: string;
  asks: QueuedMessage[] | undefined;
}

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
  /** The messages that are being committed by themselves, by position. */
  readonly #committing: Committing[] = [];

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

  /** A message at that position is being committed by itself, until what this returns is passed to `settled`. */
  begin(place: string): Committing {
    const committing = { place, asks: undefined };
    const before = this.#committing.findLastIndex((other) => other.place < place);
    this.#committing.splice(before + 1, 0, committing);
    return committing;
  }

  /** Puts an ask into the mailbox: behind the messages that came before it and are still being committed. */
  ask(mail: QueuedMessage): void {
    const before = this.#committing.findLast(({ place }) => place < mail.place);
    if (before === undefined) return this.#actor.ask(mail);
    this.#actor.accepting++;
    this.#actor.mailbox.arrivingBytes += mail.bytes;
    (before.asks ??= []).push(mail);
  }

  /**
   * A message has been committed by itself, or never will be: the asks behind it wait no longer, or for an earlier one.
   * They fail if the store could not take it, since it would not answer them either.
   */
  settled(committing: Committing, error?: unknown): void {
    this.#committing.splice(this.#committing.indexOf(committing), 1);
    const { asks } = committing;
    if (asks === undefined) return;
    this.#actor.accepting -= asks.length;
    for (const { bytes } of asks) this.#actor.mailbox.arrivingBytes -= bytes;
    if (error instanceof StoreError || error instanceof OutcomeUnknownError) {
      const why = `Cannot ask ${this.#actor}: a message before it is not stored`;
      return failAsks(asks, new StoreError("store-unavailable", why, { cause: error }));
    }
    for (const mail of asks) this.ask(mail);
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
    const asks = mailbox.withdraw(new Set(all.map(({ mail }) => mail).filter((mail) => !atHead.has(mail))));
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
    for (const mail of asks) this.ask(mail);
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
