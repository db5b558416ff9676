import assert from "node:assert/strict";
import fc from "fast-check";
import { systemClock } from "../../../../runtime/base/clock.ts";
import type { AtomicPart, StoreConnection } from "../../../../runtime/ports/store.ts";
import { denoKv } from "../../../../adapters/stores/deno_kv/deno_kv.ts";
import type { KvEntry, KvHandle, KvKey } from "../../../../adapters/stores/deno_kv/handle.ts";

const ignore = typeof Deno.openKv !== "function";

Deno.test(
  "values of every size are read as they were written, and leave nothing behind",
  { ignore },
  async () => {
    using kv = await Deno.openKv(":memory:");
    await using connection = await open(kv);
    let oldBytes = 0;
    for (const size of [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 700_000, 65_536, 200_000, 3]) {
      const value = random(size);
      const [version] = await commit(connection, { writes: [{ key: "a", value, oldBytes }] });
      for (const found of [await connection.read(["a"]), await connection.list({ prefix: "", limit: 10 })]) {
        assert.deepEqual(found.map((stored) => [stored?.key, stored?.version]), [["a", version]]);
        assert.ok(areEqual(found[0]!.value, value), `${size} bytes`);
      }
      assert.equal(await count(kv), size <= 65_536 ? 1 : 1 + Math.ceil(size / 65_536), `${size} bytes`);
      oldBytes = size;
    }
    await commit(connection, { writes: [{ key: "a", value: random(300_000), oldBytes }] });
    await commit(connection, { removals: [{ key: "a", oldBytes: 300_000 }] });
    assert.equal(await count(kv), 0);
  },
);

Deno.test("a value is never read with pieces of another: it is read again", { ignore }, async () => {
  for (const second of [random(150_000), random(10), undefined]) {
    for (const look of [readOne, listOne]) {
      using kv = await Deno.openKv(":memory:");
      await using writer = await open(kv);
      await commit(writer, { writes: [{ key: "a", value: random(200_000) }] });
      let times = 0;
      // between the reads of the head and the pieces of the first attempt, another connection commits
      const torn = beforePieces(kv, async () => {
        if (times++ > 0) return;
        if (second === undefined) await commit(writer, { removals: [{ key: "a", oldBytes: 200_000 }] });
        else await commit(writer, { writes: [{ key: "a", value: second, oldBytes: 200_000 }] });
      });
      await using reader = await open(torn);
      const stored = await look(reader);
      assert.ok(times >= 1);
      assert.equal(stored?.value.length, second?.length); // a diff of this many bytes would take forever
      if (second !== undefined) assert.ok(areEqual(stored!.value, second));
    }
  }

  async function readOne(reader: StoreConnection) {
    return (await reader.read(["a"]))[0];
  }

  async function listOne(reader: StoreConnection) {
    return (await reader.list({ prefix: "", limit: 10 }))[0];
  }
});

Deno.test("a value that changes during every try is not read, which says so", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  await using writer = await open(kv);
  const write = { key: "a", value: random(200_000), oldBytes: 200_000 };
  await commit(writer, { writes: [write] });
  await using reader = await open(
    beforePieces(kv, async () => void await commit(writer, { writes: [write] })),
  );
  const failure = {
    code: "store-unavailable",
    message: /^Cannot read "a?": it was overwritten during each of 10 attempts$/,
  };
  await assert.rejects(reader.read(["a"]), failure);
  await assert.rejects(reader.list({ prefix: "", limit: 10 }), failure);
});

Deno.test("a piece that is gone for good is an error, not a hole", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  await using connection = await open(kv);
  await commit(connection, { writes: [{ key: "a", value: random(200_000) }] });
  await kv.delete(["posthorn.part", "a", 2]);
  await assert.rejects(connection.read(["a"]), { code: "store-unavailable" });
  await kv.set(["posthorn", "b"], "a text");
  await assert.rejects(connection.read(["b"]), {
    message: 'Cannot read "b": another program has written it',
  });
});

Deno.test("lists and reads give the results of a sorted map", { ignore }, async () => {
  const name = fc.string({
    unit: fc.constantFrom("a", "b", "\0", "é", "\u{10ffff}", "\u{1f600}", "\ue000"),
    maxLength: 4,
  });
  const range = fc.record({
    prefix: fc.oneof(name, fc.constant("")),
    after: fc.option(name, { nil: undefined }),
    limit: fc.integer({ min: 1, max: 12 }),
    reverse: fc.boolean(),
  });
  using kv = await Deno.openKv(":memory:");
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(name, { maxLength: 30 }),
      fc.array(range, { minLength: 5 }),
      async (keys, ranges) => {
        await using connection = await open(kv);
        const size = (index: number) => index % 7 === 6 ? 70_000 : index;
        const [version] = await commit(connection, {
          writes: keys.slice(0, 15).map((key, index) => ({ key, value: random(size(index)) })),
        });
        const written = keys.slice(0, 15);
        const all = new Map(written.map((key, index) => [key, { key, value: random(size(index)), version }]));
        assert.deepEqual(await connection.read(keys), keys.map((key) => all.get(key)));
        const sorted = written.toSorted(compare);
        for (const { prefix, after, limit, reverse } of ranges) {
          const found = sorted.filter((key) => key.startsWith(prefix)).filter((key) =>
            after === undefined || (reverse ? compare(key, after) < 0 : compare(key, after) > 0)
          );
          const expected = (reverse ? found.reverse() : found).slice(0, limit);
          const options = { prefix, limit, reverse, ...(after === undefined ? {} : { after }) };
          assert.deepEqual((await connection.list(options)).map(({ key }) => key), expected);
        }
        await commit(connection, {
          removals: written.map((key, index) => ({ key, oldBytes: size(index) })),
        });
        assert.equal(await count(kv), 0);
      },
    ),
    // runs share a database: remains of one would make all others fail while it is shrunk
    { numRuns: 60, seed: 7, endOnFailure: true },
  );
});

Deno.test("a list is one read, however long", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  await using writer = await open(kv);
  const writes = Array.from(
    { length: 999 },
    (_, n) => ({ key: `k${String(n).padStart(4, "0")}`, value: random(1) }),
  );
  await commit(writer, { writes });
  await commit(writer, { writes: [{ key: "k9999", value: random(1) }, { key: "l", value: random(1) }] });
  const lists: unknown[] = [];
  const watched: KvHandle = {
    ...forward(kv),
    list(selector, options) {
      lists.push(options);
      return kv.list(selector, options);
    },
  };
  await using reader = await open(watched);
  assert.equal((await reader.list({ prefix: "k", limit: 1_000 })).length, 1_000);
  assert.deepEqual(lists, [{ limit: 1_000, batchSize: 1_000, reverse: false, consistency: "strong" }]);
});

Deno.test(
  "a value is kept for a while after its expiry, and its pieces longer still",
  { ignore },
  async () => {
    using kv = await Deno.openKv(":memory:");
    const expiries: [unknown, number | undefined][] = [];
    const watched: KvHandle = {
      ...forward(kv),
      atomic() {
        const atomic = kv.atomic();
        return {
          check: (check) => atomic.check(check),
          delete: (key) => atomic.delete(key),
          commit: () => atomic.commit(),
          set(key, value, options) {
            expiries.push([key[0], options?.expireIn]);
            return atomic.set(key, value, options);
          },
        };
      },
    };
    const clock = { ...systemClock(), now: () => 1_000_000 };
    const connection = await denoKv(watched).open({ clock });
    await commit(connection, {
      writes: [
        { key: "a", value: random(1), expiresAtMs: 1_000_100.5 },
        { key: "b", value: random(1), expiresAtMs: 5 },
        { key: "c", value: random(65_537), expiresAtMs: 1_000_100 },
        { key: "d", value: random(1) },
      ],
    });
    await connection.close();
    assert.deepEqual(expiries, [
      ["posthorn", 60_101],
      ["posthorn", 60_000],
      ["posthorn", 60_100],
      ["posthorn.part", 120_100],
      ["posthorn.part", 120_100],
      ["posthorn", undefined],
    ]);
  },
);

async function open(kv: KvHandle): Promise<StoreConnection & AsyncDisposable> {
  const connection = await denoKv(kv).open({ clock: systemClock() });
  return {
    read: (keys) => connection.read(keys),
    list: (range) => connection.list(range),
    commit: (parts) => connection.commit(parts),
    watch: (onChange) => connection.watch(onChange),
    close: () => connection.close(),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** The handle, with a callback before each read of pieces. */
function beforePieces(kv: Deno.Kv, work: () => Promise<void>): KvHandle {
  return {
    ...forward(kv),
    async *list(selector, options) {
      if (selector.start[0] === "posthorn.part") await work();
      yield* kv.list(selector, options);
    },
  };
}

function forward(kv: Deno.Kv): KvHandle {
  return {
    getMany: (keys: KvKey[], options): Promise<KvEntry[]> => kv.getMany(keys, options),
    list: (selector, options) => kv.list(selector, options),
    atomic: () => kv.atomic(),
    watch: (keys) => kv.watch(keys),
    close: () => kv.close(),
  };
}

const nothing: AtomicPart = { checks: [], writes: [], removals: [] };

function commit(
  connection: StoreConnection,
  ...parts: Partial<AtomicPart>[]
): Promise<(string | undefined)[]> {
  return connection.commit(parts.map((part) => ({ ...nothing, ...part })));
}

async function count(kv: Deno.Kv): Promise<number> {
  let entries = 0;
  for await (const _ of kv.list({ prefix: [] })) entries++; // all entries of the database, in every space
  return entries;
}

function random(size: number): Uint8Array {
  const made = new Uint8Array(size);
  for (let index = 0; index < size; index++) made[index] = size + index * 31 + (index >> 8);
  return made;
}

function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false;
  return a.length === b.length;
}

/** As UTF-8. */
function compare(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => Array.from(text, (character) => character.codePointAt(0)!));
  const at = left.findIndex((point, index) => point !== right[index]);
  if (at < 0) return left.length - right.length;
  return at >= right.length ? 1 : left[at] - right[at];
}
