import type { Clock } from "../../runtime/base/clock.ts";
import type { AtomicPart, Entry, Store, StoreConnection } from "../../runtime/ports/store.ts";

/** The environment of a case. */
export interface Bench {
  readonly store: Store;
  /** An open connection to the store. */
  readonly connection: StoreConnection;
  /** Opens another connection. All connections are closed after the case. */
  connect(): Promise<StoreConnection>;
  readonly clock: Clock;
  /** Advances the time. */
  advance(byMs: number): Promise<void>;
  /** When the platform will start the process, if that can be told. */
  readonly alarmMs?: (() => Promise<number | null>) | undefined;
}

const encoder = new TextEncoder();

/** A part with the given members; the others are empty. */
export function part(some: Partial<AtomicPart>): AtomicPart {
  return { checks: [], writes: [], removals: [], ...some };
}

/** A part that writes small values, given as texts by key. */
export function puts(values: Readonly<Record<string, string>>): AtomicPart {
  const writes = Object.entries(values).map(([key, text]) => ({ key, value: encoder.encode(text) }));
  return part({ writes });
}

/** Pseudo-random bytes. */
export function bytes(count: number, seed: number): Uint8Array {
  const made = new Uint8Array(count);
  let state = (seed + 1) * 2_654_435_761 >>> 0;
  for (let index = 0; index < count; index++) {
    state = Math.imul(state, 1_664_525) + 1_013_904_223 >>> 0;
    made[index] = state >>> 24;
  }
  return made;
}

/** An entry as text for comparison: the key, and the length and a checksum of the value. */
export function shown(stored: Pick<Entry, "key" | "value"> | undefined): string | undefined {
  if (stored === undefined) return undefined;
  const { key, value } = stored;
  if (!(value instanceof Uint8Array)) return `${key} = ${String(value)}, which is no Uint8Array`;
  let sum = 2_166_136_261;
  for (const byte of value) sum = Math.imul(sum ^ byte, 16_777_619);
  return `${key} = ${value.length} bytes ${(sum >>> 0).toString(16)}`;
}

/** Throws if two values differ as JSON; `what` describes them. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const [is, should] = [actual, expected].map((value) => JSON.stringify(value, nothing) ?? "undefined");
  if (is !== should) throw new Error(`${what}: expected ${short(should)}, and it is ${short(is)}`);
}

/** Keeps `undefined` apart from `null`, which JSON would write for both within an array. */
function nothing(_: string, value: unknown): unknown {
  return value === undefined ? "(nothing)" : value;
}

function short(text: string): string {
  return text.length <= 600 ? text : `${text.slice(0, 600)}… (${text.length} characters)`;
}

/** Throws if the condition is false. */
export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Resolves with the code with which a promise rejects, or with a text if it does not reject. */
export function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(() => "it did not reject", (error) => error?.code ?? String(error));
}

/** Commits one part, which must be applied, and resolves with its version. */
export async function applied(connection: StoreConnection, one: AtomicPart): Promise<string> {
  const [version] = await connection.commit([one]);
  expect(typeof version === "string", `A commit of one part gives a version, and it gave ${String(version)}`);
  return version;
}

/** Reads the entries of these keys as texts for comparison. */
export async function readShown(connection: StoreConnection, keys: readonly string[]): Promise<unknown[]> {
  return (await connection.read(keys)).map(shown);
}

/** Lists all keys that begin with the prefix. */
export async function keysOf(connection: StoreConnection, prefix = ""): Promise<string[]> {
  return (await connection.list({ prefix, limit: 1_000 })).map(({ key }) => key);
}
