import { StoppedError } from "../../base/errors.ts";
import type { Operation } from "../../language/protocol.ts";
import { StoreError } from "../../base/store_errors.ts";
import type { Admission } from "./admission.ts";
import type { Batch } from "./batch.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { batchMax } from "./suspicion.ts";

/**
 * Messages from outside that are accepted with their own turns, in one commit where there would be two. Their actor must
 * be here, have little to do, and have answered at once so far; and nothing that came before may still be on its way.
 * Whatever comes behind them and cannot go that way waits until they are decided.
 */
export class Admissions {
  readonly #actor: DurableActivation;
  /** Those that are not decided, in the order of coming: mostly the first is decided first. */
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
    if (protocol.startsWith("~")) return false; // a turn of theirs may be one of many
    const { mails, inHand, complete, missed, leaving } = mailbox;
    return complete && !missed && leaving.size === 0 && mails.length - inHand < batchMax;
  }

  /** It is handled in its turn, and accepted with that. */
  take(admission: Admission): void {
    const { mail } = admission;
    this.#open.push(admission);
    this.#actor.durable.committedDelivery.accepted(this.#actor, mail);
    this.#actor.ask(mail);
  }

  /** Does something once none of them is open: now, where none is. */
  behind(commit: () => void): void {
    if (this.#open.length === 0) commit();
    else this.#behind.push(commit);
  }

  /** Those in a batch are accepted with it. What has come into the store meanwhile is taken out of it. */
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

  /** The commit of those did not come through. */
  failed(direct: readonly QueuedMessage[], error: unknown): void {
    for (const mail of direct) {
      const open = this.#open[this.#indexOf(mail)];
      if (open === undefined) continue; // it is committed by itself
      this.#actor.mailbox.remove(mail);
      open.failed(error);
      this.#decided(mail);
    }
  }

  /** Nobody can see any more whether the commit of those came through. */
  doubt(direct: readonly QueuedMessage[]): void {
    for (const mail of direct) this.#open[this.#indexOf(mail)]?.doubt();
  }

  /**
   * All that are open are committed by themselves: it would take too long. So many at the head of the mailbox stay there,
   * because they are in hand: the promise resolves when those are in the store, and rejects where one is not.
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
      else stored.catch(() => {}); // its sender is told
    }
    this.#goOn();
    if (awaited.length === 0) return undefined;
    const together = Promise.all(awaited);
    together.catch(() => {}); // its handler may have failed before
    return together;
  }

  /** Their actor goes: those that are not in the store's hands are refused. */
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

/** Throws where it is in the store, and nobody here was told under which version. */
function requireStored({ key }: QueuedMessage): void {
  if (key !== undefined) return;
  throw new StoreError("store-unavailable", "Cannot go on with a message: it is to be listed again");
}
