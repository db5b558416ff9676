import type { Random } from "../../base/random.ts";
import type { Membership } from "../background/membership.ts";
import type { RecordHead } from "../rows/actor_record.ts";
import { batchMax } from "./suspicion.ts";

/** How long an actor waits that another instance runs as well, times two for each time they met; and at the most. */
const backoffMs = 5;
const backoffMsMax = 2_000;
/** After so many turns in a row that another instance made stale, the actor is left to that one. */
const yieldAfter = 3;
/** How long it is left to that one without being taken back. */
export const yieldedMs = 5_000;
/** How long is waited before it is looked again whether another instance still tries a message; it doubles. */
const lookMs = 100;

/**
 * How one actor gets along with other instances that run it too. Each commit of one makes what the others did meanwhile
 * vain, so who loses does less at once, and waits for longer.
 */
export class Contention {
  /** How many turns in a row others have made stale. */
  #lost = 0;
  /** How often in a row another instance was found trying a message. */
  #looks = 0;
  /** How many messages the next batch may take. */
  batchMax = batchMax;

  /** Whether no other has made a turn stale for some while. */
  get calm(): boolean {
    return this.batchMax === batchMax;
  }

  /** A turn of its own was committed. */
  won(): void {
    this.#lost = this.#looks = 0;
    if (this.batchMax < batchMax) this.batchMax *= 2;
  }

  /** Another instance made its turn stale. Returns how long it waits before it is loaded again. */
  lost(random: Random): number {
    this.#lost++;
    this.batchMax = Math.max(this.batchMax / 4, 1);
    if (this.#lost === 1) return 0;
    return Math.min(backoffMs * 2 ** this.#lost, backoffMsMax) * (0.5 + random.next() / 2);
  }

  /** Whether the actor had better be left to the one that wins: who wrote its record last, if that lives. */
  yieldsTo({ turn }: RecordHead, membership: Pick<Membership, "lives">): boolean {
    return this.#lost >= yieldAfter && membership.lives(turn.slice(0, turn.lastIndexOf("-")));
  }

  /** Another instance tries its message. Returns how long it waits before it looks again. */
  left(random: Random): number {
    return Math.min(lookMs * 2 ** this.#looks++, backoffMsMax) * (0.5 + random.next());
  }
}
