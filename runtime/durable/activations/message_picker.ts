import type { Timer } from "../../scheduling/timers.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import type { RetryHead } from "../rows/actor_record.ts";
import type { Trial } from "./crash_suspects.ts";
import { RemainingDelays } from "./remaining_delays.ts";

/** What the next message has to wait for: a time; or its trial, since it may be what ended a process. */
export type Obstacle = { readonly kind: "wait"; readonly forMs: number } | TrialDue;

/** That a message is to be tried: what must be in the record first, and whether it is there. */
export interface TrialDue {
  readonly kind: "trial";
  readonly trial: RetryHead;
  readonly counted: boolean;
}

/** How long is waited for one at the head that is evicted: about as long as a commit takes. */
const leavingMs = 10;

/**
 * Finds the next message of one actor: some stepped aside for a while, some hold their place, some are suspected, some
 * give way to others.
 */
export class MessagePicker {
  readonly #actor: DurableActivation;
  readonly #onIdle: () => void;
  readonly #delayedRetries = new Map<string, Timer>();
  #trial: Trial | undefined = undefined;
  /** Made for the first that waits; kept when the mailbox is listed again. */
  #remainingDelays: RemainingDelays | undefined = undefined;

  /** `onIdle` is called when one is back that had stepped aside, or has given way. */
  constructor(actor: DurableActivation, onIdle: () => void) {
    this.#actor = actor;
    this.#onIdle = onIdle;
  }

  /** How many have stepped aside. */
  get aside(): number {
    return this.#delayedRetries.size;
  }

  /** Whether the message at the head is tried, and that is counted. */
  get onTrial(): boolean {
    return this.#trial !== undefined;
  }

  /** The next message of a batch that has taken so many, or what it waits for; nothing if the batch ends here. */
  next(taken: number): QueuedMessage | Obstacle | undefined {
    const { mailbox, record, services } = this.#actor;
    const { nowMs } = services.scheduler;
    const mail: QueuedMessage | undefined = mailbox.mails[taken];
    if (mail === undefined || mail.key === undefined || this.onTrial) return mail;
    if (mailbox.leaving.has(mail.place)) return taken > 0 ? undefined : { kind: "wait", forMs: leavingMs };
    const retry = record.head.retry?.place === mail.place ? record.head.retry : undefined;
    const known = this.#actor.host.operation(mail.head.operation) !== undefined; // else it is not tried at all
    const suspected = known && (retry?.by !== undefined || this.#actor.suspicion?.has(mail) === true);
    if (retry === undefined && !suspected) return mail;
    if (taken > 0) return undefined;
    const forMs = retry !== undefined && retry.notBeforeMs > nowMs
      ? this.#leftMs(mail, retry.notBeforeMs, retry.afterMs)
      : 0;
    if (forMs > 0) return { kind: "wait", forMs };
    return suspected ? this.#trialOf(mail, retry) : mail;
  }

  /** A trial begins when it may: then `begin` is called. One that was running when a process ended is tried alone. */
  enter({ attempts }: RetryHead, begin: () => void): void {
    const { crashSuspects, session } = this.#actor.durable;
    crashSuspects.enter(attempts, (trial) => {
      session.probes?.reach(attempts > 1 ? "a suspect is tried alone" : "a suspect is tried");
      this.#trial = trial;
      begin();
    });
  }

  /** The handler of the message that is tried has given the thread back. */
  awaits(): void {
    this.#trial?.awaits();
  }

  /** A trial is over, one way or the other. */
  endTrial(): void {
    const trial = this.#trial;
    this.#trial = undefined;
    trial?.end();
  }

  /** Its mailbox is fuller than it may be: the oldest that waits is evicted, but not one that is tried. Returns whether there was one. */
  evictOldest(): boolean {
    const { mailbox } = this.#actor;
    const mail = mailbox.evictOldest(this.onTrial ? 1 : 0);
    if (mail === undefined) return false;
    const { capacity } = this.#actor.host.actor.mailbox;
    const message = `${this.#actor} ${mail.head.operation} gave way: the mailbox held ${capacity} messages`;
    const attempts = mail.head.attempts ?? 0;
    void this.#actor.deadLetterAlone(mail, { reason: "dropped", message, attempts }).then((gone) => {
      mailbox.left(mail, gone);
      this.#onIdle();
    });
    return true;
  }

  /** The mailbox is listed again: what stepped aside is in it. */
  reset(): void {
    for (const timer of this.#delayedRetries.values()) timer.cancel();
    this.#actor.mailbox.forgetAside(this.#delayedRetries.size);
    this.#delayedRetries.clear();
    this.endTrial();
  }

  /**
   * What was tried before counts where it has failed, or where the instance that tried it ended without a word. What
   * this one tries is counted as long as it does; what another left with a word, that one did not end with.
   */
  #trialOf(mail: QueuedMessage, retry: RetryHead | undefined): TrialDue {
    const { durable: { session: { instance } }, tried } = this.#actor;
    if (retry?.by === instance) return { kind: "trial", trial: retry, counted: true };
    const before = retry?.attempts ?? mail.head.attempts ?? 0;
    const attempts = retry?.by === undefined || tried === "ended" ? before + 1 : before;
    const trial = { place: mail.place, attempts, notBeforeMs: 0, by: instance };
    return { kind: "trial", trial, counted: false };
  }

  #leftMs({ place }: QueuedMessage, notBeforeMs: number, afterMs: number | undefined): number {
    const { clock } = this.#actor.durable.session;
    return (this.#remainingDelays ??= new RemainingDelays(clock)).leftMs(place, notBeforeMs, afterMs);
  }

  /** Takes a message that has stepped aside until its time comes. Returns whether it has it. */
  setAside(mail: QueuedMessage): boolean {
    const { notBeforeMs, afterMs: inAllMs } = mail.head;
    if (notBeforeMs === undefined) return false;
    const { mailbox, services } = this.#actor;
    const afterMs = this.#leftMs(mail, notBeforeMs, inAllMs);
    if (afterMs <= 0) return false;
    this.#actor.durable.session.probes?.reach("a message waits aside");
    if (this.#delayedRetries.has(mail.place)) return true;
    this.#delayedRetries.set(
      mail.place,
      services.timers.set(afterMs, () => {
        this.#delayedRetries.delete(mail.place);
        mailbox.mails.push(mail);
        this.#onIdle();
      }),
    );
    return true;
  }
}
