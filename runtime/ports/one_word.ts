import type { AtomicPart, Check } from "./store.ts";

/**
 * Up to this number of pairs of a write and a removal, keys are compared pairwise; above it, through a set.
 */
const pairsMax = 32;

/**
 * Throws a `TypeError` if a part both writes and removes a key, because the part does not say which comes
 * last. Adapters call it before they apply anything.
 */
export function requireOneWord(parts: readonly AtomicPart[]): void {
  for (const { writes, removals } of parts) {
    if (writes.length === 0 || removals.length === 0) continue;
    if (writes.length * removals.length <= pairsMax) {
      for (const { key } of removals) if (writes.some((write) => write.key === key)) refuse(key);
      continue;
    }
    const written = new Set(writes.map(({ key }) => key));
    for (const { key } of removals) if (written.has(key)) refuse(key);
  }
}

/**
 * What a part expects of each key that it checks; `undefined` if two of its checks contradict each other, so that it never
 * holds.
 */
export function expectedOf(checks: readonly Check[]): Map<string, string | undefined> | undefined {
  const expected = new Map<string, string | undefined>();
  for (const { key, version } of checks) {
    if (expected.has(key) && expected.get(key) !== version) return undefined;
    expected.set(key, version);
  }
  return expected;
}

function refuse(key: string): never {
  throw new TypeError(`Cannot commit: one part writes and removes ${JSON.stringify(key)}`);
}
