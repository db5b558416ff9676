import { bigintArray, byteaArray, intArray, textArray } from "./binary_arrays.ts";
import type { Change } from "./changes.ts";
import { groups, kinds } from "./commit_function.ts";

/** Packs the keys of some changes, or something of them, into an array. */
const columns = {
  keys: (changes: readonly Change[]) => textArray(changes.map(({ key }) => key)),
  versions: (changes: readonly Change[]) => bigintArray(changes.map(({ version }) => versionOf(version))),
  bytes: (changes: readonly Change[]) => byteaArray(changes.map(({ value }) => value)),
  expires: (changes: readonly Change[]) =>
    changes.some(({ expiresAtMs }) => expiresAtMs !== undefined)
      ? bigintArray(changes.map(({ expiresAtMs }) => expiryOf(expiresAtMs)))
      : null, // the server has nulls for it
} as const;

/** The groups of each kind of change. */
const groupsOf = Object.values(kinds).toSorted((a, b) => a - b).map((kind) =>
  groups.flatMap(({ kinds }, index) => (kinds as readonly number[]).includes(kind) ? [index] : [])
);

/** Packs changes for the function that applies all of them. */
export function packAll(changes: readonly Change[], version: string): unknown[] {
  const members: Change[][] = groups.map(() => []);
  for (const [index, change] of changes.entries()) {
    if (isRepeated(changes, index)) continue;
    for (const group of groupsOf[change.kind]) members[group].push(change);
  }
  const values: unknown[] = [version];
  for (const [index, { has }] of groups.entries()) {
    for (const column of has) {
      values.push(members[index].length === 0 ? null : columns[column](members[index]));
    }
  }
  return values;
}

/** Packs changes for the function that applies the parts whose checks hold. */
export function packSome(changes: readonly Change[], version: string, parts: number): unknown[] {
  return [
    version,
    columns.keys(changes),
    intArray(changes.map(({ kind }) => kind)),
    intArray(changes.map(({ part }) => part)),
    columns.versions(changes),
    columns.bytes(changes),
    columns.expires(changes),
    parts,
  ];
}

const unconditional: readonly number[] = [kinds.put, kinds.remove, kinds.checkNothing];

/** Whether a later part says something of the same key, too, so that this change does not count. */
function isRepeated(changes: readonly Change[], index: number): boolean {
  const { key, kind } = changes[index];
  if (changes[index + 1]?.key !== key || !unconditional.includes(kind)) return false;
  for (let later = index + 1; changes[later]?.key === key; later++) {
    if (unconditional.includes(changes[later].kind)) return true;
  }
  return false;
}

function versionOf(version: string | undefined): bigint | undefined {
  return version === undefined ? undefined : BigInt(version);
}

/** Later than any date is never. */
function expiryOf(expiresAtMs: number | undefined): bigint | undefined {
  return expiresAtMs === undefined || expiresAtMs > 8.64e15 ? undefined : BigInt(Math.ceil(expiresAtMs));
}
