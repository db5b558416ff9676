import type { Random } from "../../base/random.ts";
import type { Membership } from "../background/membership.ts";
import type { RecordHead } from "../rows/actor_record.ts";
import { batchMax } from "./suspicion.ts";

/** How long an actor waits whose turn became stale: it doubles with each in a row, up to the maximum. */
const backoffMs = 5;
const backoffMsMax = 2_000;
/** After so many stale turns in a row, the actor is left to the other instance. */
const yieldAfter = 3;
/** For how long. */
export const yieldedMs = 5_000;
/** How long to wait before looking again whether another instance still tries a message; it doubles. */
const lookMs = 100;

/**
 * Backs off when several instances run one actor. Each commit of one makes the turns of the others stale, so the loser
 * takes smaller batches, and waits for longer.
 */
export class Contention {
  /** How many turns in a row became stale. */
  #lost = 0;
  /** How many looks in a row found another instance trying a message. */
  #looks = 0;
  /** How many messages the next batch may take. */
  batchMax = batchMax;

  /** Whether no turn became stale for some time. */
  get calm(): boolean {
    return this.batchMax === batchMax;
  }

  /** A batch was committed. */
  won(): void {
    this.#lost = this.#looks = 0;
    if (this.batchMax < batchMax) this.batchMax *= 2;
  }

  /** A batch was stale. Returns how long to wait before the actor is loaded again. */
  lost(random: Random): number {
    this.#lost++;
    this.batchMax = Math.max(this.batchMax / 4, 1);
    if (this.#lost === 1) return 0;
    return Math.min(backoffMs * 2 ** this.#lost, backoffMsMax) * (0.5 + random.next() / 2);
  }

  /** Whether to leave the actor to the instance that wrote its record last, if that lives. */
  yieldsTo({ turn }: RecordHead, membership: Pick<Membership, "lives">): boolean {
    return this.#lost >= yieldAfter && membership.lives(turn.slice(0, turn.lastIndexOf("-")));
  }

  /** Another instance tries a message. Returns how long to wait before the next look. */
  left(random: Random): number {
    return Math.min(lookMs * 2 ** this.#looks++, backoffMsMax) * (0.5 + random.next());
  }
}
