import { type ActorId, requireKey } from "../runtime/language/address.ts";
import type { Cancellation, CancelOptions } from "../runtime/language/ticket.ts";
import { NotFoundError } from "../runtime/base/errors.ts";
import { isSound } from "../runtime/base/thrown.ts";
import { shownActor } from "../runtime/messages/shown_name.ts";
import type { BulkResult, CancelRequestOptions, Control, WhichLetter } from "../runtime/ports/control.ts";
import { requireFilter, requireProtocol } from "../runtime/ports/control_arguments.ts";
import type { DeadLetterFilter } from "../runtime/ports/observation.ts";
import type { StoredLetters } from "../runtime/durable/background/stored_letters.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { cancelSchedule } from "./schedules.ts";
import { ticketOf } from "./submit.ts";

/** What an operator does to a running system. */
export class SystemControl implements Control {
  readonly #runtime: Runtime;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  async resend(id: string, which?: WhichLetter): Promise<void> {
    const { delivery, persistence } = this.#runtime;
    try {
      return await delivery.deadLetters.resend(id, which);
    } catch (error) {
      if (persistence === undefined || !isUnknown(error)) throw error;
    }
    await this.#stored((letters) => letters.resend(id, which)); // it may be beyond the bound of the list
  }

  resendAll(filter: DeadLetterFilter): Promise<BulkResult> {
    return this.#all("resend", filter, (letters) => letters.resendAll(filter));
  }

  async discard(id: string, which?: WhichLetter): Promise<boolean> {
    const { delivery, persistence } = this.#runtime;
    if (await delivery.deadLetters.discard(id, which)) return true;
    return persistence !== undefined && await this.#stored((letters) => letters.discard(id, which));
  }

  discardAll(filter: DeadLetterFilter): Promise<BulkResult> {
    return this.#all("discard", filter, (letters) => letters.discardAll(filter));
  }

  async cancelSchedule(actor: ActorId, name: string): Promise<boolean> {
    requireProtocol("cancel a schedule of", actor.protocol);
    return await cancelSchedule(this.#runtime, actor, name);
  }

  async cancelRequest(
    reply: string,
    { caller, ...options }: CancelRequestOptions = {},
  ): Promise<Cancellation> {
    return await ticketOf(this.#runtime, reply, undefined, caller).cancel(options satisfies CancelOptions);
  }

  pause(protocol: string): Promise<void> {
    return this.#setPaused(protocol, true);
  }

  resume(protocol: string): Promise<void> {
    return this.#setPaused(protocol, false);
  }

  async passivate(actor: ActorId): Promise<void> {
    this.#requireHost(actor, "passivate");
    await this.#runtime.signal(actor, "passivate");
  }

  async erase(actor: ActorId): Promise<void> {
    this.#requireHost(actor, "erase");
    await this.#runtime.signal(actor, "erase");
  }

  async #setPaused(protocol: string, paused: boolean): Promise<void> {
    const { delivery, persistence, remote } = this.#runtime;
    const verb = paused ? "pause" : "resume";
    requireProtocol(verb, protocol);
    delivery.requireRunning(`${verb} ${protocol}`);
    const host = delivery.hosts.get(protocol);
    if (host !== undefined) {
      await Promise.resolve(); // whatever runs now ends before that
      return paused ? host.pause() : host.resume();
    }
    if (persistence !== undefined && remote?.has(protocol) !== true) {
      return await persistence.whenOpen((open) => open.paused.set(protocol, paused));
    }
    const why = remote?.has(protocol) === true
      ? "another service hosts it"
      : "this system hosts no actor of it";
    throw new NotFoundError("unknown-protocol", `Cannot ${verb} ${protocol}: ${why}`);
  }

  /** Does it to the dead letters of transient actors, and to those in the store. */
  async #all(
    action: "resend" | "discard",
    filter: DeadLetterFilter,
    act: (letters: StoredLetters) => Promise<BulkResult>,
  ): Promise<BulkResult> {
    requireFilter(`${action}All`, filter);
    const { delivery, persistence } = this.#runtime;
    if (action === "resend") delivery.requireRunning("resend dead letters");
    const here = await delivery.deadLetters.each(filter, action);
    if (persistence === undefined) return here;
    const { done, failed, more } = await this.#stored(act);
    return { done: here.done + done, failed: here.failed + failed, more: here.more || more };
  }

  #stored<Result>(act: (letters: StoredLetters) => Promise<Result>): Promise<Result> {
    const { delivery, persistence } = this.#runtime;
    delivery.requireRunning("change dead letters in the store");
    return persistence!.whenOpen((open) => act(open.letters.stored));
  }

  #requireHost({ protocol, key }: ActorId, verb: string): void {
    requireProtocol(verb, protocol);
    requireKey(protocol, key);
    const { delivery, persistence } = this.#runtime;
    delivery.requireRunning(`${verb} ${shownActor(protocol, key)}`);
    const isPeer = persistence?.isPeer(protocol) === true;
    if (delivery.hosts.has(protocol) || (persistence?.has(protocol) && !isPeer)) return;
    const why = isPeer ? "another process hosts it" : `this system hosts no actor of ${protocol}`;
    throw new NotFoundError("unknown-protocol", `Cannot ${verb} ${shownActor(protocol, key)}: ${why}`);
  }
}

function isUnknown(error: unknown): boolean {
  return isSound(error, NotFoundError) && error.code === "unknown-dead-letter";
}
