import { ulid } from "@std/ulid";

/**
 * The source of randomness, for jitter and names. A system uses no other, so a seed repeats a run.
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
  /** Returns a number of at least 0 and below 1. */
  next(): number;
  /**
   * Returns a ULID of that time (milliseconds since 1970). It is unique, and nobody can guess it from others, because it
   * names replies.
   */
  ulid(nowMs: number): string;
}

/** The last time that a ULID can contain, in the year 10889. A clock may show a later one. */
const ulidTimeMax = 2 ** 48 - 1;

/**
 * Returns the randomness of the machine.
 *
 * @example
 * ```ts
 * import { System, systemRandom } from "@posthorn/posthorn";
 *
 * await using system = new System({ actors: [], random: systemRandom() });
 * ```
 *
 * @returns randomness that nobody can predict
 */
export function systemRandom(): Random {
  return {
    next: () => Math.random(),
    ulid: (nowMs) => ulid(Math.min(Math.max(Math.floor(nowMs), 0), ulidTimeMax)),
  };
}
