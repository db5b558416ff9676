import assert from "node:assert/strict";
import { join } from "node:path";
import { systemClock } from "../../../../runtime/base/clock.ts";
import type { AtomicPart, Store, StoreConnection } from "../../../../runtime/ports/store.ts";
import { StoreError } from "../../../../runtime/base/store_errors.ts";
import { fits, sizeOfCommit } from "../../../../runtime/ports/commit_size.ts";
import { denoKv } from "../../../../adapters/stores/deno_kv/deno_kv.ts";
import { storeConformance } from "../../../../testing/conformance/conformance.ts";

// Deno 2.5 and 2.9 run tests without the flag as well: then only its error can be tested.
const ignore = typeof Deno.openKv !== "function";

Deno.test({
  name: "without Deno.openKv, opening says what to do about it",
  ignore: !ignore,
  async fn() {
    await assert.rejects(denoKv(":memory:").open({ clock: systemClock() }), (error) => {
      assert.ok(error instanceof StoreError && error.code === "store-unavailable");
      return /--unstable-kv.*deno\.json/.test(error.message);
    });
  },
});

for (const { name, skipped, run } of storeConformance({ open: () => ({ store: denoKv(":memory:") }) })) {
  Deno.test({ name: `in memory: ${name}`, ignore: ignore || skipped !== undefined, fn: run });
}

for (const { name, skipped, run } of storeConformance({ open: onFile })) {
  Deno.test({ name: `on a file: ${name}`, ignore: ignore || skipped !== undefined, fn: run });
}

async function onFile() {
  const folder = await Deno.makeTempDir();
  return {
    store: denoKv(join(folder, "a.kv")),
    dispose: () => Deno.remove(folder, { recursive: true }),
  };
}

Deno.test("a database that cannot be opened says why, and can be opened later", { ignore }, async () => {
  const store = denoKv("/nowhere/at/all.kv");
  for (let tries = 0; tries < 2; tries++) {
    await assert.rejects(store.open({ clock: systemClock() }), {
      code: "store-unavailable",
      message: /^Cannot open Deno KV \/nowhere\/at\/all\.kv: unable to open/,
    });
  }
});

Deno.test("the traits say what a target can do", async () => {
  const traitsOf = (
    { traits: { durability, processes, unknownOutcomes, commitsAtOnce, fullCommitsAtOnce } }: Store,
  ) => ({
    durability,
    processes,
    unknownOutcomes,
    commitsAtOnce,
    fullCommitsAtOnce,
  });
  const file = {
    durability: "power",
    processes: "one",
    unknownOutcomes: false,
    commitsAtOnce: 1,
    fullCommitsAtOnce: 2,
  };
  const remote = {
    durability: "power",
    processes: "many",
    unknownOutcomes: true,
    commitsAtOnce: 16,
    fullCommitsAtOnce: 16,
  };
  assert.deepEqual(traitsOf(denoKv("./posthorn.kv")), file);
  assert.deepEqual(traitsOf(denoKv(":memory:")), { ...file, durability: "nothing" });
  assert.deepEqual(traitsOf(denoKv()), file);
  assert.deepEqual(traitsOf(denoKv("https://api.deno.com/v2/databases/1/connect")), remote);
  assert.deepEqual(traitsOf(denoKv(undefined, { remote: true })), remote);
  Deno.env.set("DENO_DEPLOY", "1");
  try {
    assert.deepEqual(traitsOf(denoKv()), remote);
    assert.deepEqual(traitsOf(denoKv("./posthorn.kv")), file);
  } finally {
    Deno.env.delete("DENO_DEPLOY");
  }
  assert.throws(() => denoKv("x", { prefix: "" }), RangeError);
  assert.throws(() => denoKv("x", { prefix: "a b" }), RangeError);
  for (const prefix of [5, null, ["a"]]) {
    assert.throws(() => denoKv("x", { prefix: prefix as unknown as string }), RangeError);
  }
  for (const target of [null, 5, {}]) assert.throws(() => denoKv(target as never), TypeError);
  const promise = Promise.resolve() as never; // of `Deno.openKv()`, without `await`
  assert.throws(() => denoKv(promise), {
    name: "TypeError",
    message: /it is a promise, which must be awaited/,
  });
  await Promise.resolve();
});

Deno.test("a commit has at most as many checks as its database allows", () => {
  const checksOf = (...args: Parameters<typeof denoKv>) => denoKv(...args).traits.limits.checks;
  assert.equal(checksOf("http://localhost:4512"), 10);
  assert.equal(checksOf("https://kv.example/"), 10);
  assert.equal(checksOf(undefined, { remote: true }), 10);
  assert.equal(checksOf("https://api.deno.com/databases/1/connect"), 100);
  assert.equal(checksOf("./posthorn.kv"), 100);
  assert.equal(checksOf(":memory:"), 100);
  assert.equal(checksOf("http://localhost:4512", { checksMax: 25 }), 25);
  Deno.env.set("DENO_DEPLOY", "1");
  try {
    assert.equal(checksOf(), 100);
    assert.equal(checksOf("https://kv.example/"), 10);
  } finally {
    Deno.env.delete("DENO_DEPLOY");
  }
  for (const checksMax of [1, 101, 2.5]) assert.throws(() => checksOf("x", { checksMax }), RangeError);
});

Deno.test("a handle that was given is used and left open", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  const store = denoKv(kv);
  assert.equal(store.traits.processes, "many");
  const connection = await store.open({ clock: systemClock() });
  await commit(connection, { writes: [{ key: "a", value: bytes(3) }] });
  await connection.close();
  await connection.close();
  const { value } = await kv.get(["posthorn", "a"]);
  assert.deepEqual(value, bytes(3));
  for await (const { key } of kv.list({ prefix: [] })) assert.deepEqual(key, ["posthorn", "a"]);
});

Deno.test("two prefixes share nothing", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  await using one = await opened(denoKv(kv, { prefix: "one" }));
  await using two = await opened(denoKv(kv, { prefix: "two" }));
  await commit(one.connection, { writes: [{ key: "a", value: bytes(70_000) }] });
  assert.deepEqual(await two.connection.read(["a"]), [undefined]);
  assert.deepEqual(await two.connection.list({ prefix: "", limit: 10 }), []);
  assert.equal((await one.connection.list({ prefix: "", limit: 10 })).length, 1);
});

Deno.test(
  "a file keeps what was committed; memory as long as somebody is connected",
  { ignore },
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      for (const [target, kept] of [[join(folder, "a.kv"), true], [":memory:", false]] as const) {
        const store = denoKv(target);
        const first = await store.open({ clock: systemClock() });
        const second = await store.open({ clock: systemClock() });
        const [version] = await commit(first, { writes: [{ key: "a", value: bytes(200_000) }] });
        await first.close();
        assert.deepEqual(await second.read(["a"]), [{ key: "a", value: bytes(200_000), version }]);
        await second.close();
        await assert.rejects(second.read(["a"]), { code: "store-closed" });
        await assert.rejects(second.commit([]), { code: "store-closed" });
        assert.throws(() => second.watch(() => {}), { code: "store-closed" });
        await using again = await opened(store);
        assert.equal((await again.connection.read(["a"]))[0]?.version, kept ? version : undefined);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);

Deno.test("closing waits for what is under way", { ignore }, async () => {
  const connection = await denoKv(":memory:").open({ clock: systemClock() });
  const commits = Array.from({ length: 20 }, (_, index) => {
    return commit(connection, { writes: [{ key: String(index), value: bytes(1) }] });
  });
  const reading = connection.read(["0"]);
  await connection.close();
  assert.ok((await Promise.all(commits)).every(([version]) => version !== undefined));
  await reading;
});

Deno.test("a commit at any of the limits is accepted", { ignore }, async () => {
  await using store = await opened(denoKv(":memory:"));
  const { connection, limits } = store;
  // with as many zeros as a key may have between its parts
  const key = (n: number, length: number) => `${n}`.padStart(Math.min(8, length), "\0").padEnd(length, "k");
  const writes = (count: number, length: number, size: number, oldBytes = 0) =>
    Array.from({ length: count }, (_, n) => ({ key: key(n, length), value: bytes(size), oldBytes }));
  const removals = (count: number, length: number, oldBytes: number) =>
    Array.from({ length: count }, (_, n) => ({ key: `r${key(n, length)}`, oldBytes }));
  const checks = (count: number, length: number) =>
    Array.from({ length: count }, (_, n) => ({ key: `c${key(n, length)}`, version: undefined }));
  const shapes: ((size: number) => Partial<AtomicPart>)[] = [
    (n) => ({ writes: writes(n, 3, 0) }),
    (n) => ({ writes: writes(n, 20, 0) }),
    (n) => ({ writes: writes(n, 20, 700) }),
    (n) => ({ writes: writes(n, 500, 100) }),
    (n) => ({ writes: writes(n, 20, 65_536) }),
    (n) => ({ writes: writes(n, 20, 65_537) }),
    (n) => ({ writes: writes(1, 20, n * 1_000) }),
    (n) => ({ writes: writes(n, 20, 1, 700_000) }),
    (n) => ({ writes: writes(n, 4, 650) }),
    (n) => ({ removals: removals(n, 20, 0) }),
    (n) => ({ removals: removals(n, 1_900, 0) }),
    (n) => ({ removals: removals(n, 20, 700_000) }),
    (n) => ({ checks: checks(n, 20), writes: writes(1, 1, 1) }),
    (n) => ({ checks: checks(n, 1_000), writes: writes(n, 10, 1_000) }),
  ];
  for (const [index, shape] of shapes.entries()) {
    let [least, most] = [0, 2_000];
    while (most - least > 1) {
      const middle = (least + most) >> 1;
      const part = { ...nothing, ...shape(middle), rings: true };
      if (fits(sizeOfCommit(part, limits), limits)) least = middle;
      else most = middle;
    }
    assert.ok(least > 0 && least < 1_999, `shape ${index}`);
    const part = { ...nothing, ...shape(least), rings: true };
    const [version] = await connection.commit([part]);
    assert.ok(version !== undefined, `shape ${index} of ${least}`);
    const written = part.writes.map(({ key }) => key);
    const stored = await connection.read(written);
    assert.ok(
      stored.every((one, n) => one?.version === version && one.value.length === part.writes[n].value.length),
    );
    await connection.commit([{
      ...nothing,
      removals: part.writes.map(({ key, value }) => ({ key, oldBytes: value.length })),
    }]);
  }
});

Deno.test("the longest key can be written, split, listed behind, and removed", { ignore }, async () => {
  await using store = await opened(denoKv(":memory:", { prefix: "p".repeat(32) }));
  const { connection, limits } = store;
  const key = "é".repeat(5) + "\0".repeat(8) + "k".repeat(limits.keyBytes - 18);
  const write = { key, value: bytes(limits.valueBytes + 1) };
  const [version] = await commit(connection, { writes: [write], checks: [{ key, version: undefined }] });
  assert.deepEqual(await connection.list({ prefix: "é", limit: 1_000 }), [{ ...write, version }]);
  assert.deepEqual(await connection.list({ prefix: key, limit: 1 }), [{ ...write, version }]);
  assert.deepEqual(await connection.list({ prefix: "é", after: key, limit: 1 }), []);
  await commit(connection, { removals: [{ key, oldBytes: write.value.length }] });
  assert.deepEqual(await connection.read([key]), [undefined]);
});

Deno.test("a commit over the limits is refused, and nothing of it is stored", { ignore }, async () => {
  await using store = await opened(denoKv(":memory:"));
  const checks = Array.from({ length: 101 }, (_, n) => ({ key: `c${n}`, version: undefined }));
  const writes = [{ key: "a", value: bytes(1) }];
  await assert.rejects(commit(store.connection, { checks, writes }), {
    code: "too-large",
    message: "Cannot commit 1 parts together: it takes 101 of 100 checks",
  });
  await assert.rejects(commit(store.connection, { writes: [{ key: "a", value: bytes(900_000) }] }), {
    code: "too-large",
  });
  assert.deepEqual(await store.connection.read(["a"]), [undefined]);
});

const nothing: AtomicPart = { checks: [], writes: [], removals: [] };

function commit(
  connection: StoreConnection,
  ...parts: Partial<AtomicPart>[]
): Promise<(string | undefined)[]> {
  return connection.commit(parts.map((part) => ({ ...nothing, ...part })));
}

const pattern = Uint8Array.from({ length: 2_000_000 }, (_, index) => (index * 31 + (index >> 8)) & 255);

function bytes(length: number): Uint8Array {
  return pattern.subarray(0, length);
}

async function opened(store: Store) {
  const connection = await store.open({ clock: systemClock() });
  return { connection, limits: store.traits.limits, [Symbol.asyncDispose]: () => connection.close() };
}
