import type { OnFailure } from "../language/actor.ts";
import type { Activation } from "./activation.ts";
import { DelayedRetries } from "./delayed_retries.ts";
import { reasonOf } from "../ports/dead_letters.ts";
import type { Envelope } from "../messages/envelope.ts";
import { HeldBytes } from "../base/held_bytes.ts";
import { messageOf } from "../base/errors.ts";
import type { RuntimeServices } from "./runtime_services.ts";
import { type Decision, Supervisor } from "../turns/supervisor.ts";

/** Brings one actor and its message through failed turns. Only an actor that ever failed has one. */
export class Recovery {
  readonly #actor: Activation;
  readonly #supervisor: Supervisor;
  readonly #delayedRetries: DelayedRetries;

  constructor(actor: Activation) {
    this.#actor = actor;
    this.#supervisor = new Supervisor(actor.host.actor, actor.host.services.random);
    this.#delayedRetries = new DelayedRetries(actor.host.services.timers);
    (actor.ensureExtras.held ??= new HeldBytes()).aside = this.#delayedRetries;
  }

  /** How many messages stepped aside. */
  get size(): number {
    return this.#delayedRetries.size;
  }

  /** Takes all that stepped aside: they do not come back. */
  take(): Envelope[] {
    return this.#delayedRetries.take();
  }

  /** A turn has failed: tries its message again or makes a dead letter of it, and does to its actor what is due. */
  recover(envelope: Envelope, error: unknown): void {
    const { delivery } = this.#services;
    let decision: Decision;
    try {
      decision = this.#supervisor.decide({
        error,
        attempt: envelope.attempts,
        mode: envelope.operation.mode,
        monotonicMs: this.#services.timers.monotonicMs(), // the scheduler's is old when the turn was awaited
      });
    } catch (worse) { // a clock or a source of randomness that throws: the others go on
      return delivery.deadLetter(envelope, "failed", `${envelope} failed: ${messageOf(worse)}`, worse);
    }
    const { directive, retryAfterMs } = decision;
    if (retryAfterMs !== undefined) this.#retry(envelope, error, retryAfterMs);
    else delivery.deadLetter(envelope, reasonOf(error), `${envelope} failed: ${messageOf(error)}`, error);
    this.#follow(directive, error);
  }

  #retry(envelope: Envelope, error: unknown, afterMs: number): void {
    const actor = this.#actor;
    const { mailbox, retry } = actor.host.actor;
    const { delivery, timers } = this.#services;
    actor.host.taken--; // it waits again
    delivery.retrying(envelope, error, envelope.attempts, afterMs);
    const full = this.#delayedRetries.size >= mailbox.capacity; // who stepped aside takes memory as well
    if (retry.order === "hold" || full) {
      actor.hold(envelope);
      timers.set(afterMs, () => actor.goOn());
      return;
    }
    this.#delayedRetries.add(envelope, afterMs, () => actor.takeBack(envelope));
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
