import type { ActorId } from "../../../runtime/language/address.ts";

/** Something that happened to a message. */
export interface Happening extends ActorId {
  /** When, in milliseconds since 1970. */
  readonly atMs: number;
  readonly type: "accepted" | "started" | "done" | "failed" | "retrying" | "cancelled" | "dead";
  readonly operation: string;
  /** The id of the message. */
  readonly id: string;
  /** The id of the first message of its chain; absent where the event does not say it. */
  readonly correlationId?: string;
  /** The id of the message whose turn sent it. */
  readonly causationId?: string;
  /** How long it waited in its mailbox, in milliseconds. */
  readonly waitedMs?: number;
  /** How long its turn took, in milliseconds. */
  readonly tookMs?: number;
  /** What is to be said of it, such as an error: at most {@linkcode noteMax} UTF-16 units. */
  readonly note?: string;
}

/** The longest note, in UTF-16 units. */
export const noteMax = 300;
/** The happenings that are kept. */
const happeningsMax = 2_000;

/** A message in a story, with what happened to it, oldest first. */
export interface StoryStep extends ActorId {
  readonly id: string;
  readonly operation: string;
  /** How many messages led to it. */
  readonly depth: number;
  readonly happenings: readonly Happening[];
}

/** The last happenings. */
export class Happenings {
  #all: Happening[] = [];

  add(happening: Happening): void {
    this.#all.push(happening);
    // Half of them go at once, so that one more costs nothing.
    if (this.#all.length > 2 * happeningsMax) this.#all = this.#all.slice(-happeningsMax);
  }

  /** The latest that fit, latest first. */
  latest(max: number, fits: (happening: Happening) => boolean = () => true): Happening[] {
    const found: Happening[] = [];
    for (let at = this.#all.length - 1; at >= 0 && found.length < max; at--) {
      if (fits(this.#all[at])) found.push(this.#all[at]);
    }
    return found;
  }

  /** The messages of the chain to which a message belongs, in the order in which they were seen first. */
  story(id: string): StoryStep[] {
    const chain = this.#all.find((one) => one.id === id && one.correlationId !== undefined)?.correlationId ??
      id;
    const steps = new Map<string, StoryStep & { readonly happenings: Happening[] }>();
    for (const one of this.#all) {
      const receiver = `${one.id} ${one.protocol} ${one.key}`; // what is published has one id for all subscribers
      const step = steps.get(receiver); // a dead letter does not say its chain
      if (step === undefined && one.id !== id && one.correlationId !== chain && one.id !== chain) continue;
      if (step !== undefined) step.happenings.push(one);
      else {
        const { protocol, key, operation } = one;
        const cause = [...steps.values()].find(({ id }) => id === one.causationId);
        const depth = cause === undefined ? 0 : cause.depth + 1;
        steps.set(receiver, { id: one.id, protocol, key, operation, depth, happenings: [one] });
      }
    }
    return [...steps.values()];
  }

  clear(): void {
    this.#all = [];
  }
}
