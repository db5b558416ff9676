import type { Random } from "../../../runtime/base/random.ts";
import type { AtomicPart } from "../../../runtime/ports/store.ts";
import { kinds } from "./commit_function.ts";

/** A version that no entry has. */
const noVersion = "0";
const versionForm = /^[1-9][0-9]{0,18}$/;
const versionMax = 2n ** 63n - 1n;

/** One key of one part. */
interface Change {
  readonly key: string;
  readonly kind: number;
  /** The number of the part, from 1. */
  readonly part: number;
  readonly version: string | undefined;
  readonly value: Uint8Array | undefined;
  readonly expiresAtMs: number | undefined;
}

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
  return versionForm.test(version) && BigInt(version) <= versionMax ? version : noVersion;
}

/** The call of the function that commits, with the values of {@linkcode pack} as its arguments. */
export function commitCall(schema: string): string {
  return `"${schema}".commit($1::bigint, $2::text[], $3::smallint[], $4::int[], $5::bigint[], ` +
    "$6::int[], $7::bigint[], $8::boolean, $9::int, $10::bytea)";
}

/** Packs parts into the arguments of the function that commits. */
export function pack(parts: readonly AtomicPart[], version: string): unknown[] {
  const changes = parts.flatMap((part, index) => changesOf(part, index + 1));
  for (const { key } of changes) requireKey(key);
  // all commits take their locks in one order; the changes of a key stay in the order of their parts
  changes.sort((a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : a.part - b.part);
  const repeated = changes.some(({ key }, index) => key === changes[index + 1]?.key);
  return [
    version,
    textArray(changes.map(({ key }) => key)),
    array(changes.map(({ kind }) => kind)),
    array(changes.map(({ part }) => part)),
    array(changes.map(({ version }) => version)),
    array(changes.map(({ value }) => value?.length ?? 0)),
    array(changes.map(({ expiresAtMs }) => expiryOf(expiresAtMs))),
    repeated,
    parts.length,
    concatenated(changes),
  ];
}

function changesOf({ checks, writes, removals }: AtomicPart, part: number): Change[] {
  const changes: Change[] = [];
  const expected = new Map(checks.map(({ key, version }) => [key, version]));
  const add = (key: string, kind: number, value?: Uint8Array, expiresAtMs?: number) => {
    const was = expected.get(key);
    const version = was === undefined ? undefined : checkedVersion(was);
    changes.push({ key, kind, part, version, value, expiresAtMs });
  };
  for (const { key, value, expiresAtMs } of writes) {
    const kind = !expected.has(key) ? kinds.put : expected.get(key) === undefined ? kinds.add : kinds.replace;
    add(key, kind, value, expiresAtMs);
    expected.delete(key);
  }
  for (const { key } of removals) {
    if (expected.has(key) && expected.get(key) === undefined) continue; // only checked: there is nothing to remove
    add(key, expected.has(key) ? kinds.removeVersion : kinds.remove);
    expected.delete(key);
  }
  for (const [key, was] of expected) add(key, was === undefined ? kinds.checkNothing : kinds.check);
  return changes;
}

/** PostgreSQL has no texts with the character NUL. */
export function requireKey(key: string): void {
  if (key.includes("\0")) {
    throw new TypeError(`Cannot use key ${JSON.stringify(key)} with PostgreSQL: it has the character NUL`);
  }
}

/** Later than any date is never. */
function expiryOf(expiresAtMs: number | undefined): number | undefined {
  return expiresAtMs === undefined || expiresAtMs > 8.64e15 ? undefined : Math.ceil(expiresAtMs);
}

/** An array as PostgreSQL spells it. Those of `pg` cost several times as much. */
function array(items: readonly (string | number | undefined)[]): string {
  return `{${items.map((item) => item ?? "NULL").join()}}`;
}

/** The same of any texts. */
export function textArray(items: readonly string[]): string {
  return `{${items.map((item) => `"${/["\\]/.test(item) ? item.replace(/["\\]/g, "\\$&") : item}"`).join()}}`;
}

function concatenated(changes: readonly Change[]): Uint8Array {
  const all = new Uint8Array(changes.reduce((sum, { value }) => sum + (value?.length ?? 0), 0));
  let at = 0;
  for (const { value } of changes) {
    if (value === undefined) continue;
    all.set(value, at);
    at += value.length;
  }
  return all;
}
