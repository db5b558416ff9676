import type { ActorId, Address } from "../runtime/address.ts";
import { parseSubjectPattern } from "../runtime/subject.ts";

/** One subscription of a topic. */
export interface Subscriber {
  readonly to: Address;
  /** Tells it from another subscription of the same address. */
  readonly token: number | undefined;
  /** The tokens of its subject; absent where it takes everything. */
  readonly pattern: readonly string[] | undefined;
}

/** Who subscribed to one topic: by actor, so that one that is forgotten is found at once, then by operation. */
export class Subscribers {
  readonly #byActor = new Map<string, Map<string, Subscriber>>();
  /** How many there are. */
  size = 0;

  has(to: Address): boolean {
    return this.#byActor.get(nameOf(to))?.has(to.operation) ?? false;
  }

  /** Subscribes an address, in place of what it had. */
  set(to: Address, subject: string | undefined, token: number | undefined): void {
    const name = nameOf(to);
    const own = this.#byActor.get(name) ?? new Map<string, Subscriber>();
    this.#byActor.set(name, own);
    const before = own.size;
    own.set(to.operation, {
      to,
      token,
      pattern: subject === undefined ? undefined : parseSubjectPattern(subject),
    });
    this.size += own.size - before;
  }

  /** Ends the subscription of an address; with a token, only that very one. */
  delete(to: Address, token: number | undefined): void {
    const own = this.#byActor.get(nameOf(to));
    const found = own?.get(to.operation);
    if (own === undefined || found === undefined || (token !== undefined && found.token !== token)) return;
    own.delete(to.operation);
    this.size--;
    if (own.size === 0) this.#byActor.delete(nameOf(to));
  }

  /** Ends all subscriptions of an actor. */
  leave(actor: ActorId): void {
    const name = nameOf(actor);
    this.size -= this.#byActor.get(name)?.size ?? 0;
    this.#byActor.delete(name);
  }

  forEach(callback: (subscriber: Subscriber) => void): void {
    for (const own of this.#byActor.values()) own.forEach(callback);
  }
}

function nameOf({ protocol, key }: ActorId): string {
  return `${protocol}/${key}`;
}
