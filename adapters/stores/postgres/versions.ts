import type { Random } from "../../../runtime/base/random.ts";

/** A version that no entry has. */
const noVersion = "0";
const versionForm = /^[1-9][0-9]{0,18}$/;
const versionMax = String(2n ** 63n - 1n);

/**
 * Draws the version of a commit: 63 random bits. A version that the server counts would be given again after a
 * fail-over to a server that lacks the last commits, and a check of it would hold for another value.
 */
export function drawVersion(random: Random): string {
  const high = BigInt(Math.floor(random.next() * 2 ** 31));
  const low = BigInt(Math.floor(random.next() * 2 ** 32));
  return String((high << 32n | low) || 1n);
}

/** The version that a check compares: one that the store never gave is one that no entry has. */
export function checkedVersion(version: string): string {
  if (!versionForm.test(version)) return noVersion;
  return version.length < versionMax.length || version <= versionMax ? version : noVersion;
}
