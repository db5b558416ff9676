import { seededRandom } from "@posthorn/posthorn/testing";
import type { Example } from "./deliveries.ts";

/** `forged` is signed with a wrong secret, `unsigned` not at all. */
export type Kind = "new" | "repeated" | "forged" | "unsigned";

/** One request that will be sent to the desk. */
export interface Sending extends Example {
  readonly kind: Kind;
  readonly id: string;
}

export interface PlanOptions {
  /** The number of deliveries of each example, each with its own id. */
  readonly rounds: number;
  readonly seed: number;
}

/**
 * The requests to send: every example once a round, some of them twice, and in between requests with a wrong
 * signature or none.
 */
export function plan(examples: readonly Example[], { rounds, seed }: PlanOptions): Sending[] {
  const random = seededRandom(seed);
  const sendings: Sending[] = [];
  for (let round = 1; round <= rounds; round++) {
    examples.forEach((example, index) => {
      const id = `round-${round}-${String(index + 1).padStart(3, "0")}`;
      sendings.push({ ...example, kind: "new", id });
      // A repeat follows at once, so that it arrives while the first is still being handled.
      const chance = random.next();
      if (chance < 0.10) sendings.push({ ...example, kind: "repeated", id });
      else if (chance < 0.15) sendings.push({ ...example, kind: "forged", id: `forged-${id}` });
      else if (chance < 0.18) sendings.push({ ...example, kind: "unsigned", id: `unsigned-${id}` });
    });
  }
  return sendings;
}
