import type { Random } from "../runtime/base/random.ts";

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * Creates reproducible randomness from a seed. Its ULIDs consist of a time and a counter: ordered, and unique
 * within one instance. Systems on one store must share one instance, or they would create equal ids for
 * different messages.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { seededRandom } from "@posthorn/posthorn/testing";
 *
 * assert(seededRandom(7).next() === seededRandom(7).next());
 * ```
 *
 * @param seed any whole number
 * @returns the same sequence for the same seed
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  let latestMs = 0;
  let count = 0;
  return {
    // mulberry32: 32 bits of state suffice for jitter
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
    ulid(nowMs) {
      latestMs = Math.max(latestMs, Math.floor(nowMs));
      return base32(latestMs, 10) + base32(++count, 16);
    },
  };
}

function base32(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = digits[rest % 32] + text;
  return text;
}
