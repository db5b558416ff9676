import type { Timer } from "../timers.ts";
import type { DurableActor } from "./durable_actor.ts";
import { buryAlone } from "./bury_alone.ts";
import type { Mail } from "./mail.ts";
import type { RetryHead } from "./record.ts";
import { Waits } from "./waits.ts";

/**
 * What a batch goes on with: a message; nothing, where it ends here; a time to wait for first; or a message that may be
 * what ended a process: what is to be committed before it is tried.
 */
export type Picked = Mail | undefined | { readonly waitMs: number } | { readonly trial: RetryHead };

/** How long is waited for one at the head that gives way: about as long as a commit takes. */
const leavingMs = 10;

/**
 * Finds the next message of one actor: some stepped aside for a while, some hold their place, some are suspected, some
 * give way to others.
 */
export class MailPicker {
  readonly #actor: DurableActor;
  readonly #onIdle: () => void;
  readonly #asides = new Map<string, Timer>();
  #endTrial: (() => void) | undefined = undefined;
  /** Made for the first that waits; kept when the mailbox is listed again. */
  #waits: Waits | undefined = undefined;

  /** `onIdle` is called when one is back that had stepped aside, or has given way. */
  constructor(actor: DurableActor, onIdle: () => void) {
    this.#actor = actor;
    this.#onIdle = onIdle;
  }

  /** How many have stepped aside. */
  get aside(): number {
    return this.#asides.size;
  }

  /** Whether the message at the head is tried, and that is counted. */
  get onTrial(): boolean {
    return this.#endTrial !== undefined;
  }

  /** The next message of a batch that has taken so many. */
  next(taken: number): Picked {
    const { mailbox, record, services } = this.#actor;
    const { nowMs } = services.scheduler;
    for (;;) {
      const mail: Mail | undefined = mailbox.mails[taken];
      if (mail === undefined || mail.key === undefined || this.onTrial) return mail;
      if (mailbox.leaving.has(mail.place)) return taken > 0 ? undefined : { waitMs: leavingMs };
      const { notBeforeMs = 0 } = mail.head;
      const asideMs = notBeforeMs > nowMs ? this.#leftMs(mail, notBeforeMs) : 0;
      if (asideMs > 0) {
        this.#setAside(mail, asideMs);
        continue;
      }
      const retry = record.head.retry?.place === mail.place ? record.head.retry : undefined;
      const known = this.#actor.home.operation(mail.head.operation) !== undefined; // else it is not tried at all
      const suspected = known && this.#actor.suspicious.has(mail.head.via);
      if (retry === undefined && !suspected) return mail;
      if (taken > 0) return undefined;
      const waitMs = retry !== undefined && retry.notBeforeMs > nowMs
        ? this.#leftMs(mail, retry.notBeforeMs)
        : 0;
      if (waitMs > 0) return { waitMs };
      if (!suspected) return mail;
      const attempts = (retry?.attempts ?? mail.head.attempts ?? 0) + 1;
      return { trial: { place: mail.place, attempts, notBeforeMs: 0 } };
    }
  }

  /** A trial begins when it may: then `begin` is called. One that was running when a process ended is tried alone. */
  enter({ attempts }: RetryHead, begin: () => void): void {
    const { suspects, ledger } = this.#actor.durable;
    suspects.enter(attempts > 1, (end) => {
      ledger.probes?.reach(attempts > 1 ? "a suspect is tried alone" : "a suspect is tried");
      this.#endTrial = () => {
        this.#endTrial = undefined;
        end();
      };
      begin();
    });
  }

  /** A trial is over, one way or the other. */
  endTrial(): void {
    this.#endTrial?.();
  }

  /** The oldest that waits gives way, but not one that is tried. Returns whether there was one. */
  displace(): boolean {
    const { mailbox } = this.#actor;
    const mail = mailbox.displace(this.onTrial ? 1 : 0);
    if (mail === undefined) return false;
    const { capacity } = this.#actor.home.actor.mailbox;
    const message = `${this.#actor} ${mail.head.operation} gave way: the mailbox held ${capacity} messages`;
    const death = { reason: "dropped", message, attempts: mail.head.attempts ?? 0 };
    void buryAlone(this.#actor, mail, death).then((gone) => {
      mailbox.left(mail, gone);
      this.#onIdle();
    });
    return true;
  }

  /** The mailbox is listed again: what stepped aside is in it. */
  reset(): void {
    for (const timer of this.#asides.values()) timer.cancel();
    this.#asides.clear();
    this.endTrial();
  }

  #leftMs({ place }: Mail, notBeforeMs: number): number {
    return (this.#waits ??= new Waits(this.#actor.durable.ledger.clock)).leftMs(place, notBeforeMs);
  }

  #setAside(mail: Mail, afterMs: number): void {
    const { mailbox, services } = this.#actor;
    mailbox.remove(mail);
    this.#actor.durable.ledger.probes?.reach("a message waits aside");
    if (this.#asides.has(mail.place)) return;
    this.#asides.set(
      mail.place,
      services.timers.set(afterMs, () => {
        this.#asides.delete(mail.place);
        mailbox.mails.push(mail);
        this.#onIdle();
      }),
    );
  }
}
