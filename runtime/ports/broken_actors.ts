import type { ActorId } from "../language/address.ts";
import { messageOf } from "../base/errors.ts";

/** An actor whose state cannot be created, migrated or read: every message to it fails. */
export interface BrokenActor extends ActorId {
  /** The reason in words. */
  readonly reason: string;
}

/** The maximum number of broken actors that are listed; one more evicts the oldest. */
const brokenMax = 20;
/** The maximum length of a reason, in characters. */
const reasonMax = 400;

/** The most recent actors of a system whose last activation failed. */
export class BrokenActors {
  readonly #actors = new Map<string, BrokenActor>();

  /** The broken actors, oldest first. */
  list(): BrokenActor[] {
    return [...this.#actors.values()];
  }

  /**
   * Creates the state of an actor. If `state` throws, lists the actor as broken and throws the same error.
   */
  make(actor: ActorId, state: () => unknown): unknown {
    try {
      const made = state();
      this.remove(actor);
      return made;
    } catch (error) {
      this.add(actor, error);
      throw error;
    }
  }

  /** Lists an actor whose state could not be created. */
  add({ protocol, key }: ActorId, error: unknown): void {
    const reason = messageOf(error).slice(0, reasonMax).toWellFormed();
    this.#actors.set(nameOf({ protocol, key }), { protocol, key, reason });
    if (this.#actors.size > brokenMax) this.#actors.delete(this.#actors.keys().next().value!);
  }

  /** Removes an actor whose state was created. */
  remove(actor: ActorId): void {
    // avoids building the name in the common case
    if (this.#actors.size > 0) this.#actors.delete(nameOf(actor));
  }
}

function nameOf({ protocol, key }: ActorId): string {
  return `${protocol}/${key}`;
}
