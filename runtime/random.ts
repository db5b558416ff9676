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
  const ulids = new Ulids();
  return { next: () => Math.random(), ulid: (nowMs) => ulids.next(nowMs) };
}

const digitCodes = Array.from("0123456789ABCDEFGHJKMNPQRSTVWXYZ", (digit) => digit.charCodeAt(0));
const timeLength = 10;
const length = 26;

/** How many random bytes are drawn at once: a draw costs as much as several ULIDs, and a submit over HTTP takes three. */
const drawnBytes = 1_024;

/** Puts ULIDs together. Each random byte is used once. */
class Ulids {
  readonly #codes: number[] = Array(length).fill(digitCodes[0]);
  readonly #drawn = new Uint8Array(drawnBytes);
  #used = drawnBytes;
  #timeMs = 0;

  next(nowMs: number): string {
    const timeMs = Math.min(Math.max(Math.floor(nowMs), 0), ulidTimeMax) || 0;
    if (timeMs !== this.#timeMs) this.#writeTime(timeMs);
    if (this.#used === drawnBytes) {
      crypto.getRandomValues(this.#drawn);
      this.#used = 0;
    }
    const codes = this.#codes;
    for (let place = timeLength; place < length; place++) {
      codes[place] = digitCodes[this.#drawn[this.#used++] % digitCodes.length];
    }
    return String.fromCharCode.apply(null, codes);
  }

  #writeTime(timeMs: number): void {
    this.#timeMs = timeMs;
    let rest = timeMs;
    for (let place = timeLength - 1; place >= 0; place--) {
      this.#codes[place] = digitCodes[rest % digitCodes.length];
      rest = Math.floor(rest / digitCodes.length);
    }
  }
}
