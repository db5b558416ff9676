import type { OnFailure } from "../language/actor.ts";
import type { Activation } from "./activation.ts";
import { DelayedRetries } from "./delayed_retries.ts";
import { reasonOf, retryUnitsMax } from "../ports/dead_letters.ts";
import type { Envelope } from "../messages/envelope.ts";
import { HeldBytes } from "../base/held_bytes.ts";
import { messageOf } from "../base/errors.ts";
import type { MessageTimes } from "./message_reports.ts";
import { shorten } from "../base/shorten.ts";
import type { RuntimeServices } from "./runtime_services.ts";
import type { Timer } from "../scheduling/timers.ts";
import { type Decision, Supervisor } from "../turns/supervisor.ts";

/** Applies the supervisor's decisions to one actor and its failed messages. Only an actor that ever failed has one. */
export class Recovery {
  readonly #actor: Activation;
  readonly #supervisor: Supervisor;
  /** Its messages that wait apart from the mailbox to be tried again. */
  readonly delayedRetries: DelayedRetries;
  /** Ends the time for which the actor is held. */
  #held: Timer | undefined = undefined;

  constructor(actor: Activation) {
    this.#actor = actor;
    this.#supervisor = new Supervisor(actor.host.actor, actor.host.services.random);
    this.delayedRetries = new DelayedRetries(actor.host.services.timers);
    (actor.ensureExtras.held ??= new HeldBytes()).aside = this.delayedRetries;
  }

  /**
   * Handles a failed turn: retries its message or makes a dead letter of it, and then restarts or stops the actor as
   * decided.
   */
  recover(envelope: Envelope, error: unknown, times: MessageTimes | undefined): void {
    const { delivery } = this.#services;
    let decision: Decision;
    try {
      decision = this.#supervisor.decide({
        error,
        attempt: envelope.attempts,
        mode: envelope.operation.mode,
        monotonicMs: this.#services.timers.monotonicMs(), // the scheduler's own time is too old if the turn was awaited
      });
    } catch (worse) { // the clock or the random source threw: other messages are still handled
      return delivery.deadLetter(envelope, "failed", `${envelope} failed: ${messageOf(worse)}`, worse);
    }
    const { directive, retryAfterMs } = decision;
    if (retryAfterMs !== undefined) this.#retry(envelope, error, retryAfterMs, times);
    else delivery.deadLetter(envelope, reasonOf(error), `${envelope} failed: ${messageOf(error)}`, error);
    this.#follow(directive, error);
  }

  /** The message for which the actor is held was taken back. */
  release(): void {
    this.#held?.cancel();
    this.#actor.resume();
  }

  #retry(envelope: Envelope, error: unknown, afterMs: number, times: MessageTimes | undefined): void {
    const actor = this.#actor;
    const { mailbox, retry } = actor.host.actor;
    const { delivery, timers } = this.#services;
    actor.host.taken--; // it waits again
    delivery.retrying(envelope, error, afterMs, times);
    const full = this.delayedRetries.size >= mailbox.capacity; // messages that wait apart take memory as well
    const failed = { error: shorten(messageOf(error), retryUnitsMax), dueMs: timers.monotonicMs() + afterMs };
    const again = envelope.withRoute(envelope.route.with({ failed }));
    actor.host.failing.set(actor.key, actor);
    if (retry.order === "hold" || full) {
      actor.hold(again);
      this.#held = timers.set(afterMs, () => actor.resume());
      return;
    }
    this.delayedRetries.add(again, afterMs, () => actor.requeue(again));
  }

  #follow(directive: OnFailure, error: unknown): void {
    if (directive === "resume") return;
    if (directive === "restart") return this.#actor.restart();
    this.#actor.stop(`its actor stopped: ${messageOf(error)}`);
    if (directive === "escalate") this.#services.escalate(this.#actor, error);
  }

  get #services(): RuntimeServices {
    return this.#actor.host.services;
  }
}
