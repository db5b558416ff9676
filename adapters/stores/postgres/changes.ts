import type { AtomicPart } from "../../../runtime/ports/store.ts";
import { kinds } from "./commit_function.ts";
import { checkedVersion } from "./versions.ts";

/** One key of one part. */
export interface Change {
  readonly key: string;
  readonly kind: number;
  /** The number of the part, from 1. */
  readonly part: number;
  /** What is checked to be there. */
  readonly version: string | undefined;
  /** What is written. */
  readonly value: Uint8Array;
  readonly expiresAtMs: number | undefined;
}

const nothing = new Uint8Array();
/** A version that no entry has, for a key of which one part expects two versions: the part never holds. */
const noEntry = "";

/**
 * What parts do to keys, in the order of keys, so that all commits take their locks in one order. The changes of a key
 * stay in the order of their parts.
 */
export function changesOf(parts: readonly AtomicPart[]): Change[] {
  const changes: Change[] = [];
  for (const [index, part] of parts.entries()) add(part, index + 1, changes);
  for (const { key } of changes) requireKey(key);
  return changes.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.part - b.part);
}

function add({ checks, writes, removals }: AtomicPart, part: number, changes: Change[]): void {
  const expected = new Map<string, string | undefined>();
  for (const { key, version } of checks) {
    const contradicts = expected.has(key) && expected.get(key) !== version;
    expected.set(key, contradicts ? noEntry : version);
  }
  for (const { key, value, expiresAtMs } of writes) {
    const was = expected.get(key);
    const kind = was !== undefined ? kinds.replace : expected.has(key) ? kinds.add : kinds.put;
    changes.push({ key, kind, part, version: versionOf(was), value, expiresAtMs });
    expected.delete(key);
  }
  const without = (key: string, kind: number, was: string | undefined) =>
    changes.push({ key, kind, part, version: versionOf(was), value: nothing, expiresAtMs: undefined });
  for (const { key } of removals) {
    const was = expected.get(key);
    if (was === undefined && expected.has(key)) continue; // only checked: there is nothing to remove
    without(key, was === undefined ? kinds.remove : kinds.removeVersion, was);
    expected.delete(key);
  }
  for (const [key, was] of expected) without(key, was === undefined ? kinds.checkNothing : kinds.check, was);
}

function versionOf(was: string | undefined): string | undefined {
  return was === undefined ? undefined : checkedVersion(was);
}

/** PostgreSQL has no texts with the character NUL. */
export function requireKey(key: string): void {
  if (key.includes("\0")) {
    throw new TypeError(`Cannot use key ${JSON.stringify(key)} with PostgreSQL: it has the character NUL`);
  }
}
