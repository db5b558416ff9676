import type { DeliveryPort } from "../activations/runtime_services.ts";
import { LimitExceededError } from "../base/errors.ts";
import type { ActorId } from "../language/address.ts";
import { asks, Envelope, isReplyTarget, type ReplyTarget, Route } from "../messages/envelope.ts";
import type { Meaning } from "./meaning.ts";

/** A message for an actor in memory. */
export type TransientMeaning = Meaning & { readonly kind: "message" };

/**
 * Runs messages of other services in actors that live in memory. Nothing of such an actor is kept, so a message counts as
 * handled when its turn is over: if this process ends before, the broker hands it over again.
 */
export class TransientRuns {
  readonly #delivery: DeliveryPort;

  constructor(delivery: DeliveryPort) {
    this.#delivery = delivery;
  }

  /** Whether the mailbox of an actor has room for one more message: as much as for messages of turns. */
  hasRoom({ protocol, key }: ActorId): boolean {
    const host = this.#delivery.hosts.get(protocol);
    if (host === undefined) return true;
    try {
      return host.get(key).length < host.turnCapacity;
    } catch (error) {
      if (error instanceof LimitExceededError) return false; // as many actors are in memory as may be
      throw error;
    }
  }

  /** Puts a message into its mailbox. Resolves when its turn is over, or when it has become a dead letter. */
  run({ to, route, payload }: TransientMeaning): Promise<void> {
    const { operation, causationId, correlationId, replyTo, deadline, extras } = route;
    const { promise, resolve } = Promise.withResolvers<void>();
    const ended = new TurnEnd(resolve, (reply) => {
      if (replyTo === undefined || isReplyTarget(replyTo)) return;
      this.#delivery.deliverTo(replyTo, reply, new Envelope(route, to.key, extras!.id!, undefined));
    });
    this.#delivery.deliver(
      to,
      new Route(operation, causationId, correlationId, ended, deadline, extras),
      payload,
    );
    return promise;
  }
}

/** Waits for the end of a turn. A publication has it as well, and its topic passes it on to each respondent. */
class TurnEnd implements ReplyTarget {
  readonly over = false;
  readonly #end: () => void;
  readonly #answer: (reply: unknown) => void;

  constructor(end: () => void, answer: (reply: unknown) => void) {
    this.#end = end;
    this.#answer = answer;
  }

  get [asks](): true {
    return true;
  }

  reply(_output: unknown, input: unknown): void {
    this.#answer(input);
    this.#end();
  }

  fail(): void { // its dead letter tells whoever wants to know of failures
    this.#end();
  }

  done(): void {
    this.#end();
  }
}
