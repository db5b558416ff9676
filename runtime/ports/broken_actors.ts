import type { ActorId } from "../language/address.ts";
import { messageOf } from "../base/errors.ts";

/** An actor whose state cannot be made, migrated or read: each message to it fails. */
export interface BrokenActor extends ActorId {
  /** Why, in words. */
  readonly reason: string;
}

/** The most that are known; past that the one that broke first is let go. */
const brokenMax = 20;
/** The most characters of a reason. */
const reasonMax = 400;

/**
 * The actors of a system that could not be activated the last time that one of their messages was tried, the latest of
 * them.
 */
export class BrokenActors {
  readonly #actors = new Map<string, BrokenActor>();

  /** Those that are known, oldest first. */
  list(): BrokenActor[] {
    return [...this.#actors.values()];
  }

  /** Makes the state of an actor. Throws what that throws, and knows it then. */
  make(actor: ActorId, state: () => unknown): unknown {
    let made: unknown;
    try {
      made = state();
    } catch (error) {
      this.add(actor, error);
      throw error;
    }
    this.remove(actor);
    return made;
  }

  /** Its state could not be made. */
  add({ protocol, key }: ActorId, error: unknown): void {
    const reason = messageOf(error).slice(0, reasonMax).toWellFormed();
    this.#actors.set(nameOf({ protocol, key }), { protocol, key, reason });
    if (this.#actors.size <= brokenMax) return;
    for (const oldest of this.#actors.keys()) {
      this.#actors.delete(oldest);
      return;
    }
  }

  /** Its state was made. */
  remove(actor: ActorId): void {
    if (this.#actors.size > 0) this.#actors.delete(nameOf(actor)); // mostly there is none: no name is put together
  }
}

function nameOf({ protocol, key }: ActorId): string {
  return `${protocol}/${key}`;
}
