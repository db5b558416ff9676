import { ulid } from "@std/ulid";

/**
 * Chance, as the runtime sees it: jitter and names. A system draws from nothing else, so a seed repeats a run.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { type Random, systemRandom } from "@posthorn/posthorn";
 *
 * const random: Random = systemRandom();
 * assert(random.ulid(0).length === 26);
 * ```
 */
export interface Random {
  /** A number of at least 0 and below 1. */
  next(): number;
  /** A ULID of that time (milliseconds since 1970): unique, and beyond guessing from others, for it names replies. */
  ulid(nowMs: number): string;
}

/** The last time that a ULID can carry: in the year 10889. A clock may say another, and names are given all the same. */
const ulidTimeMax = 2 ** 48 - 1;

/**
 * The machine's own randomness.
 *
 * @example
 * ```ts
 * import { System, systemRandom } from "@posthorn/posthorn";
 *
 * await using system = new System({ actors: [], random: systemRandom() });
 * ```
 *
 * @returns randomness that nobody can foresee
 */
export function systemRandom(): Random {
  return {
    next: () => Math.random(),
    ulid: (nowMs) => ulid(Math.min(Math.max(Math.floor(nowMs), 0), ulidTimeMax)),
  };
}
