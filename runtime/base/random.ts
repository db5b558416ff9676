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

/** The digits of a ULID, as character codes: each is five bits. */
const digits = Array.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ", (digit) => digit.charCodeAt(0));
/** How many of them are its time, and how many its randomness. */
const timeUnits = 10;
const randomUnits = 16;
/** The last time that a ULID can contain, in the year 10889. A clock may show a later one. */
const ulidTimeMax = 2 ** 48 - 1;
/** How many ULIDs one question to the platform is for. */
const drawnUlids = 64;

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
 * @returns randomness that nobody can predict; any number of systems may share it
 */
export function systemRandom(): Random {
  const drawn = new Uint8Array(drawnUlids * randomUnits);
  const units: number[] = new Array(randomUnits);
  let used = drawn.length;
  let timeMs = NaN;
  let time = "";
  return {
    next: () => Math.random(),
    ulid(nowMs) {
      if (used === drawn.length) {
        crypto.getRandomValues(drawn);
        used = 0;
      }
      if (nowMs !== timeMs) {
        timeMs = nowMs;
        time = timeOfUlid(Math.min(Math.max(Math.floor(nowMs), 0), ulidTimeMax));
      }
      for (let index = 0; index < randomUnits; index++) units[index] = digits[drawn[used++] & 31];
      return time + String.fromCharCode(...units);
    },
  };
}

function timeOfUlid(ms: number): string {
  const units: number[] = [];
  for (let rest = ms; units.length < timeUnits; rest = Math.floor(rest / 32)) {
    units.unshift(digits[rest % 32]);
  }
  return String.fromCharCode(...units);
}
