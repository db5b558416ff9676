import type { AtomicPart } from "./store.ts";

/** Up to so many pairs of a write and a removal are compared; where there are more, the keys are put into a set. */
const pairsMax = 32;

/**
 * Throws a `TypeError` where a part writes a key and removes it: the part does not say which comes last. For adapters,
 * which call it before anything is applied.
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

function refuse(key: string): never {
  throw new TypeError(`Cannot commit: one part writes and removes ${JSON.stringify(key)}`);
}
