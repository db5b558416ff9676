import type {
  AtomicPart,
  Check,
  Delete,
  Entry,
  KeyRange,
  Put,
  StoreConnection,
} from "../../runtime/ports/store.ts";
import { seededRandom } from "../seeded_random.ts";
import { applied, type Bench, bytes, expectEqual, part, puts, shown } from "./expectations.ts";

const steps = 150;
const keys = ["a", "a\u001f", "a\u001f1", "a\u001f2", "ab", "b", "é", "\uffff", "😀", "\u{10ffff}"];
const prefixes = ["", "a", "a\u001f", "b", "é", "😀", "nowhere"];

/** Model-based cases: random calls of one connection and of two give the results of a plain map. */
export const modelCases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "random calls give what a map would"(bench) {
    for (const seed of [1, 2, 3]) await compare(bench, [bench.connection], seed);
  },
  async "random calls of two connections in turns give what a map would"(bench) {
    const connections = [bench.connection, await bench.connect()];
    for (const seed of [4, 5, 6]) await compare(bench, connections, seed);
  },
};

async function compare(
  { store }: Bench,
  connections: readonly StoreConnection[],
  seed: number,
): Promise<void> {
  const draw = new Draw(seed, store.traits.limits.valueBytes);
  const model = new Map<string, Entry>();
  await clear(connections[0]);
  draw.outdated = await outdated(connections[0]);
  for (let step = 0; step < steps; step++) {
    const connection = connections[draw.below(connections.length)];
    const where = `seed ${seed}, step ${step}`;
    const parts = draw.parts(model);
    const versions = await connection.commit(parts);
    const expected = parts.map(({ checks }) =>
      checks.every(({ key, version }) => model.get(key)?.version === version)
    );
    expectEqual(
      versions.map((version) => version !== undefined),
      expected,
      `${where}: which parts are applied`,
    );
    for (const [index, { writes, removals }] of parts.entries()) {
      const version = versions[index];
      if (version === undefined) continue;
      for (const { key } of removals) model.delete(key);
      for (const { key, value } of writes) model.set(key, { key, value, version });
    }
    const reader = connections[draw.below(connections.length)];
    const asked = keys.filter(() => draw.chance(0.5));
    expectEqual(named(await reader.read(asked)), named(asked.map((key) => model.get(key))), `${where}: read`);
    const range = draw.range();
    const what = `${where}: list ${JSON.stringify(range)}`;
    expectEqual(named(await reader.list(range)), named(listOf(model, range)), what);
  }
}

async function clear(connection: StoreConnection): Promise<void> {
  const all = await connection.list({ prefix: "", limit: 1_000 });
  for (const { key, value } of all) {
    await connection.commit([{ checks: [], writes: [], removals: [{ key, oldBytes: value.length }] }]);
  }
}

/** The version of a former write that no value has any more. */
async function outdated(connection: StoreConnection): Promise<string> {
  const version = await applied(connection, puts({ a: "" }));
  await applied(connection, part({ removals: [{ key: "a" }] }));
  return version;
}

function named(all: readonly (Entry | undefined)[]): unknown[] {
  return all.map((stored) => stored && [shown(stored), stored.version]);
}

function listOf(
  model: ReadonlyMap<string, Entry>,
  { prefix, after, limit, reverse = false }: KeyRange,
): Entry[] {
  const ordered = reverse ? keys.toReversed() : keys;
  // The key after which a list continues is one of these.
  const from = after === undefined ? 0 : ordered.indexOf(after) + 1;
  return ordered.slice(from).filter((key) => key.startsWith(prefix)).flatMap((key) => model.get(key) ?? [])
    .slice(0, limit);
}

/** Generates the next calls from a seed. */
class Draw {
  readonly #random;
  readonly #valueBytes: number;
  /** A version that no value has any more. */
  outdated = "";

  constructor(seed: number, valueBytes: number) {
    this.#random = seededRandom(seed);
    this.#valueBytes = Math.min(valueBytes, 10_000);
  }

  below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }

  chance(likely: number): boolean {
    return this.#random.next() < likely;
  }

  /** Up to three parts. None checks or changes a key that another one changes. */
  parts(model: ReadonlyMap<string, Entry>): AtomicPart[] {
    const count = 1 + this.below(3);
    const parts: { checks: Check[]; writes: Put[]; removals: Delete[] }[] = [];
    for (let index = 0; index < count; index++) parts.push({ checks: [], writes: [], removals: [] });
    for (const key of keys) {
      if (!this.chance(0.6)) continue;
      const { checks, writes, removals } = parts[this.below(count)];
      const stored = model.get(key);
      if (this.chance(0.5)) {
        checks.push({ key, version: this.chance(0.9) ? stored?.version : this.#wrong(stored) });
      }
      const oldBytes = stored?.value.length;
      if (this.chance(0.5)) writes.push({ key, value: bytes(this.#size(), this.below(1_000)), oldBytes });
      else if (this.chance(0.4)) removals.push({ key, oldBytes });
    }
    return parts;
  }

  range(): KeyRange {
    return {
      prefix: prefixes[this.below(prefixes.length)],
      limit: 1 + this.below(12),
      ...(this.chance(0.5) ? { after: keys[this.below(keys.length)] } : {}),
      ...(this.chance(0.5) ? { reverse: true } : {}),
    };
  }

  #wrong(stored: Entry | undefined): string | undefined {
    return stored === undefined || this.chance(0.5) ? this.outdated : undefined;
  }

  /** A value: mostly small; a few are so large that some stores split them. */
  #size(): number {
    return this.chance(0.9) ? this.below(50) : this.below(this.#valueBytes * 3);
  }
}
