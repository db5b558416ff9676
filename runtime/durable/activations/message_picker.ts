import type { Fullness } from "../../activations/overflow.ts";
import type { Timer } from "../../scheduling/timers.ts";
import type { DurableActivation } from "./durable_activation.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import type { RetryHead } from "../rows/actor_record.ts";
import type { Trial } from "./crash_suspects.ts";
import { RemainingDelays } from "./remaining_delays.ts";

/**
 * Why the next message cannot be handled yet: it waits for a time, or, without one, until its eviction is over; or it may
 * have crashed a process and needs a trial.
 */
export type Obstacle = { readonly kind: "wait"; readonly forMs: number | undefined } | TrialDue;

/** A trial that is due: the record must have it first, and `counted` tells whether it does. */
export interface TrialDue {
  readonly kind: "trial";
  readonly trial: RetryHead;
  readonly counted: boolean;
}

/**
 * Finds the next message of one actor. Some wait aside for a retry, some hold the mailbox for theirs, some are suspected
 * of a crash, and some are evicted.
 */
export class MessagePicker {
  readonly #actor: DurableActivation;
  readonly #onIdle: () => void;
  readonly #delayedRetries = new Map<string, { readonly timer: Timer; readonly bytes: number }>();
  #trial: Trial | undefined = undefined;
  /** Created for the first message that waits; kept when the mailbox is listed again. */
  #remainingDelays: RemainingDelays | undefined = undefined;

  /** Calls `onIdle` when a message comes back from aside, or its eviction is over. */
  constructor(actor: DurableActivation, onIdle: () => void) {
    this.#actor = actor;
    this.#onIdle = onIdle;
  }

  /** How many messages wait aside. */
  get aside(): number {
    return this.#delayedRetries.size;
  }

  /** How many bytes they have. */
  get asideBytes(): number {
    let sum = 0;
    for (const { bytes } of this.#delayedRetries.values()) sum += bytes;
    return sum;
  }

  /** Whether the trial of the message at the head is under way, and counted. */
  get onTrial(): boolean {
    return this.#trial !== undefined;
  }

  /** The next message of a batch that has taken so many, or its obstacle; nothing if the batch ends here. */
  next(taken: number): QueuedMessage | Obstacle | undefined {
    const { mailbox, record, services } = this.#actor;
    const { nowMs } = services.scheduler;
    const mail: QueuedMessage | undefined = mailbox.mails[taken];
    if (mail === undefined || mail.key === undefined || this.onTrial) return mail;
    if (mailbox.leaving.has(mail.place)) return taken > 0 ? undefined : { kind: "wait", forMs: undefined };
    const retry = record.head.retry?.place === mail.place ? record.head.retry : undefined;
    const known = this.#actor.host.operation(mail.head.operation) !== undefined; // without a handler there is no trial
    const suspected = known && (retry?.by !== undefined || this.#actor.suspicion?.has(mail) === true);
    if (retry === undefined && !suspected) return mail;
    if (taken > 0) return undefined;
    const forMs = retry !== undefined && retry.notBeforeMs > nowMs
      ? this.#leftMs(mail, retry.notBeforeMs, retry.afterMs)
      : 0;
    if (forMs > 0) return { kind: "wait", forMs };
    return suspected ? this.#trialOf(mail, retry) : mail;
  }

  /** Calls `begin` when the trial may begin. A message that was running when a process crashed is tried alone. */
  enter({ attempts }: RetryHead, begin: () => void): void {
    const { crashSuspects, session } = this.#actor.durable;
    crashSuspects.enter(attempts, (trial) => {
      session.probes?.reach(attempts > 1 ? "a suspect is tried alone" : "a suspect is tried");
      this.#trial = trial;
      begin();
    });
  }

  /** The handler of the message on trial awaits something. */
  awaits(): void {
    this.#trial?.awaits();
  }

  /** Ends the trial, whatever its outcome. */
  endTrial(): void {
    const trial = this.#trial;
    this.#trial = undefined;
    trial?.end();
  }

  /** Evicts the oldest waiting message of a full mailbox, but none on trial. Returns whether there was one. */
  evictOldest({ held, bound, what }: Fullness): boolean {
    const { mailbox } = this.#actor;
    const mail = mailbox.evictOldest(this.onTrial ? 1 : 0);
    if (mail === undefined) return false;
    const message =
      `${this.#actor} ${mail.head.operation} was evicted: the mailbox held ${held} of ${bound} ${what}`;
    const attempts = mail.head.attempts ?? 0;
    void this.#actor.deadLetterAlone(mail, { reason: "dropped", message, attempts }).then((gone) => {
      mailbox.left(mail, gone);
      this.#onIdle();
    });
    return true;
  }

  /** A message that waits aside was taken back. */
  takeBack(place: string): void {
    this.#delayedRetries.get(place)?.timer.cancel();
    this.#delayedRetries.delete(place);
  }

  /** Forgets the messages that wait aside, since the mailbox is listed again, and ends the trial. */
  reset(): void {
    for (const { timer } of this.#delayedRetries.values()) timer.cancel();
    this.#actor.mailbox.forgetAside(this.#delayedRetries.size);
    this.#delayedRetries.clear();
    this.endTrial();
  }

  /**
   * The trial of a message. An earlier attempt counts if it failed, or if its instance crashed. If the instance stopped
   * orderly, the message did not crash it. An attempt of this instance is in the record already.
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

  /** Keeps a message aside until its time comes. Returns whether it does. */
  setAside(mail: QueuedMessage): boolean {
    const { notBeforeMs, afterMs: inAllMs } = mail.head;
    if (notBeforeMs === undefined) return false;
    const { mailbox, host, durable } = this.#actor;
    const afterMs = this.#leftMs(mail, notBeforeMs, inAllMs);
    if (afterMs <= 0) return false;
    durable.session.probes?.reach("a message waits aside");
    if (this.#delayedRetries.has(mail.place)) return true;
    const timer = host.timers.set(afterMs, () => {
      this.#delayedRetries.delete(mail.place);
      mailbox.mails.push(mail);
      this.#onIdle();
    });
    this.#delayedRetries.set(mail.place, { timer, bytes: mail.bytes });
    return true;
  }
}
