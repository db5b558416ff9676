import type { AtomicPart, StoreLimits } from "./store.ts";
import { TooLargeError } from "../base/store_errors.ts";

/** The size of a part, in the units of {@linkcode StoreLimits}. */
export interface CommitSize {
  readonly checks: number;
  readonly writes: number;
  readonly bytes: number;
  readonly keysBytes: number;
}

/** The overhead of a write in bytes, beside key and value: the largest of all stores, rounded up. */
const overheadBytes = 32;

/**
 * The number of cells that a value of this size takes: one, and one more for each piece if the value is
 * split.
 */
export function cellsOf(bytes: number, limits: StoreLimits): number {
  return bytes <= limits.valueBytes ? 1 : 1 + Math.ceil(bytes / limits.valueBytes);
}

/** The size of a part in a store with these limits. */
export function sizeOfCommit({ checks, writes, removals }: AtomicPart, limits: StoreLimits): CommitSize {
  let places = 0;
  let bytes = 0;
  let keysBytes = 0;
  for (const { key } of checks) keysBytes += bytesOf(key);
  for (const { key, value, oldBytes = 0 } of writes) {
    // a value that shrinks deletes its former pieces
    const most = Math.max(cellsOf(value.length, limits), cellsOf(oldBytes, limits));
    places += most;
    keysBytes += bytesOf(key) * most;
    bytes += value.length;
  }
  for (const { key, oldBytes = 0 } of removals) {
    const most = cellsOf(oldBytes, limits);
    places += most;
    keysBytes += bytesOf(key) * most;
  }
  return {
    checks: checks.length,
    writes: places,
    bytes: bytes + keysBytes + places * overheadBytes,
    keysBytes,
  };
}

/** The sum of two sizes. */
export function sum(a: CommitSize, b: CommitSize): CommitSize {
  return {
    checks: a.checks + b.checks,
    writes: a.writes + b.writes,
    bytes: a.bytes + b.bytes,
    keysBytes: a.keysBytes + b.keysBytes,
  };
}

/** Whether a size fits into one commit. */
export function fits(size: CommitSize, limits: StoreLimits): boolean {
  return excessOf(size, limits) === undefined;
}

/** Throws a `TooLargeError`, which states size and limit, unless the size fits into one commit. */
export function requireFits(what: { toString(): string }, size: CommitSize, limits: StoreLimits): void {
  const excess = excessOf(size, limits);
  if (excess !== undefined) throw new TooLargeError(String(what), excess.unit, excess.size, excess.limit);
}

function excessOf(
  { checks, writes, bytes, keysBytes }: CommitSize,
  limits: StoreLimits,
): { unit: string; size: number; limit: number } | undefined {
  if (bytes > limits.bytes) return { unit: "bytes", size: bytes, limit: limits.bytes };
  if (writes > limits.writes) return { unit: "writes", size: writes, limit: limits.writes };
  if (checks > limits.checks) return { unit: "checks", size: checks, limit: limits.checks };
  if (keysBytes > limits.keysBytes) {
    return { unit: "bytes of keys", size: keysBytes, limit: limits.keysBytes };
  }
  return undefined;
}

/** An upper bound of the UTF-8 length of a key in bytes: exact if the key is ASCII, as most keys are. */
function bytesOf(key: string): number {
  return asciiOnly.test(key) ? key.length : key.length * 3;
}

// deno-lint-ignore no-control-regex -- keys are put together with control characters
const asciiOnly = /^[\u0000-\u007f]*$/;
