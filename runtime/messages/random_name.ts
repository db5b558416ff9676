import type { Random } from "../base/random.ts";

/** How many characters of a ULID are its time; the 16 others have 80 random bits. */
const timeUnits = 10;

/** A name of 80 random bits, for what lives no longer than this process. */
export function shortRandomName(random: Random, nowMs: number): string {
  return random.ulid(nowMs).slice(timeUnits);
}

/** A name that nobody can guess: 160 random bits. */
export function randomName(random: Random, nowMs: number): string {
  return shortRandomName(random, nowMs) + shortRandomName(random, nowMs);
}
