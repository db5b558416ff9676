import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { systemClock } from "../../../../runtime/base/clock.ts";
import type { AtomicPart, StoreConnection } from "../../../../runtime/ports/store.ts";
import { denoKv } from "../../../../adapters/stores/deno_kv/deno_kv.ts";
import type { KvAtomic, KvEntry, KvHandle, KvKey } from "../../../../adapters/stores/deno_kv/handle.ts";
import { seededRandom } from "../../../../testing/seeded_random.ts";

const ignore = typeof Deno.openKv !== "function";

Deno.test("stale parts are left out, the others are committed together, in two commits and few reads", {
  ignore,
}, async () => {
  using kv = await Deno.openKv(":memory:");
  const seen = { commits: 0, reads: 0 };
  const connection = await denoKv(counted(kv, seen)).open({ clock: systemClock() });
  const names = Array.from({ length: 25 }, (_, n) => `a${String(n).padStart(2, "0")}`);
  const [first] = await commit(connection, { writes: names.map((key) => ({ key, value: text("old") })) });
  await commit(connection, { writes: [3, 11, 24].map((n) => ({ key: names[n], value: text("theirs") })) });
  await commit(connection, { removals: [{ key: names[7] }] });
  Object.assign(seen, { commits: 0, reads: 0 });
  const versions = await commit(
    connection,
    ...names.map((key) => ({
      checks: [{ key, version: first }, { key: `absent ${key}`, version: undefined }],
      writes: [{ key, value: text("new") }, { key: `mail ${key}`, value: text("1") }],
    })),
  );
  assert.deepEqual(seen, { commits: 2, reads: 5 });
  const stale = [3, 7, 11, 24];
  const version = versions[0];
  assert.ok(version !== undefined && version !== first);
  assert.deepEqual(versions, names.map((_, n) => stale.includes(n) ? undefined : version));
  const stored = await connection.read(names.flatMap((key) => [key, `mail ${key}`]));
  for (const [n, name] of names.entries()) {
    const [own, mail] = [stored[n * 2], stored[n * 2 + 1]];
    if (stale.includes(n)) {
      assert.equal(mail, undefined, name);
      assert.equal(own && new TextDecoder().decode(own.value), n === 7 ? undefined : "theirs");
    } else assert.deepEqual([own?.version, mail?.version], [version, version]);
  }
  await connection.close();
});

Deno.test("an empty value that several parts write is written once, and again behind what changed it", {
  ignore,
}, async () => {
  using kv = await Deno.openKv(":memory:");
  let sets = 0;
  const counting: KvHandle = new Proxy(kv as unknown as KvHandle, {
    get(target, name) {
      if (name !== "atomic") return (target[name as keyof KvHandle] as () => unknown).bind(target);
      return () => {
        const atomic = target.atomic();
        const set = atomic.set.bind(atomic);
        atomic.set = (...args) => {
          sets++;
          return set(...args);
        };
        return atomic;
      };
    },
  });
  const connection = await denoKv(counting, { remote: false }).open({ clock: systemClock() });
  const empty = { key: "entry", value: new Uint8Array() };
  await commit(connection, ...Array.from({ length: 10 }, () => ({ writes: [empty] })));
  assert.equal(sets, 1);
  const again = { writes: [empty] };
  await commit(connection, again, { removals: [{ key: "entry" }] }, again, again);
  assert.equal((await connection.read(["entry"]))[0]?.value.length, 0);
  await commit(connection, again, { writes: [{ key: "entry", value: text("full") }] }, again);
  assert.equal((await connection.read(["entry"]))[0]?.value.length, 0);
  await commit(connection, again, { writes: [{ key: "entry", value: text("full") }] });
  assert.equal((await connection.read(["entry"]))[0]?.value.length, 4);
  await connection.close();
});

Deno.test("a lone stale part costs one commit and no read; no parts cost nothing", { ignore }, async () => {
  using kv = await Deno.openKv(":memory:");
  const seen = { commits: 0, reads: 0 };
  const connection = await denoKv(counted(kv, seen)).open({ clock: systemClock() });
  assert.deepEqual(await commit(connection, { checks: [{ key: "a", version: "0" }] }), [undefined]);
  assert.deepEqual(await commit(connection), []);
  assert.deepEqual(seen, { commits: 1, reads: 0 });
  const [version] = await commit(connection, { checks: [{ key: "a", version: undefined }] });
  assert.equal(typeof version, "string");
  await connection.close();
});

Deno.test(
  "parts that all became stale are reported as stale, although others go on writing",
  { ignore },
  async () => {
    using kv = await Deno.openKv(":memory:");
    const other = await denoKv(kv).open({ clock: systemClock() });
    const names = ["a", "b", "c", "d"];
    let next = 0;
    // before each attempt another part becomes stale
    const racing = intercepted(kv, async (atomic) => {
      if (next < names.length) {
        await commit(other, { writes: [{ key: names[next++], value: text("theirs") }] });
      }
      return await atomic.commit();
    });
    const connection = await denoKv(racing).open({ clock: systemClock() });
    const parts = names.map((key) => ({
      checks: [{ key, version: undefined }],
      writes: [{ key, value: text("ours") }],
    }));
    assert.deepEqual(await commit(connection, ...parts), names.map(() => undefined));
    assert.equal(next, 4);
  },
);

Deno.test("a commit that fails without a reason again and again gives up, with nothing applied", async () => {
  let commits = 0;
  const handle = fake(() => {
    commits++;
    return Promise.resolve({ ok: false });
  });
  const connection = await denoKv(handle, { remote: false }).open({ clock: systemClock() });
  const parts = ["a", "b"].map((key) => ({ checks: [{ key, version: undefined }] }));
  await assert.rejects(commit(connection, ...parts), { code: "store-unavailable" });
  assert.equal(commits, 8);
});

Deno.test("over a network a commit gives up as well, and its outcome is then unknown", async () => {
  const connection = await denoKv(fake(() => Promise.resolve({ ok: false }))).open({ clock: systemClock() });
  const parts = ["a", "b"].map((key) => ({ checks: [{ key, version: undefined }] }));
  await assert.rejects(commit(connection, ...parts), { code: "outcome-unknown" });
});

Deno.test("a commit that a server refuses as invalid is not retried, and its error states the reason", async () => {
  const said = "KV Connect failed to call 'http://127.0.0.1:4512/v2/atomic_write' (status=400 Bad Request): ";
  let commits = 0;
  const handle = fake(() => {
    commits++;
    return Promise.reject(new Error(`${said}Too many checks included in atomic write.`));
  });
  const connection = await denoKv(handle).open({ clock: systemClock() });
  const parts = ["a", "b"].map((key) => ({ checks: [{ key, version: undefined }] }));
  await assert.rejects(commit(connection, ...parts), {
    code: "too-large",
    message:
      "Cannot commit 2 parts together: the server refuses it: Too many checks included in atomic write.",
  });
  assert.equal(commits, 1);
});

Deno.test("a connection is closed though what is under way never ends", async () => {
  const clock = new VirtualClock();
  const connection = await denoKv(fake(() => new Promise(() => {}))).open({ clock });
  void commit(connection, { writes: [{ key: "a", value: text("1") }] });
  const closing = connection.close();
  await clock.advance(1_000);
  await closing;
});

Deno.test("a locked file is retried after random delays by the clock", async () => {
  const clock = new VirtualClock({ nowMs: 0 });
  const attempts: number[] = [];
  const handle = fake(() => {
    attempts.push(clock.now());
    if (attempts.length < 4) return Promise.reject(new TypeError("database is locked"));
    return Promise.resolve({ ok: true, versionstamp: "7" });
  });
  const connection = await denoKv(handle, { random: seededRandom(1) }).open({ clock });
  const committing = commit(connection, { writes: [{ key: "a", value: text("1") }] });
  await clock.advance(1_000);
  assert.deepEqual(await committing, ["7"]);
  const waits = attempts.slice(1).map((ms, index) => ms - attempts[index]);
  assert.ok(attempts.length === 4 && waits.every((ms) => ms > 0 && ms < 40), String(waits));
  assert.equal(new Set(waits).size, 3);
});

Deno.test("a file that stays locked is an error within bounded time, and nothing was committed", async () => {
  const clock = new VirtualClock({ nowMs: 0 });
  let attempts = 0;
  const handle = fake(() => {
    attempts++;
    return Promise.reject(new TypeError("database is locked"));
  });
  const connection = await denoKv(handle, { random: seededRandom(1) }).open({ clock });
  const failure = assert.rejects(commit(connection, { writes: [{ key: "a", value: text("1") }] }), {
    name: "StoreError",
    code: "store-unavailable",
    message: "Cannot commit: the file was locked at each of 50 tries: another process uses it",
  });
  await clock.advance(2_000);
  await failure;
  assert.equal(attempts, 50);
  await connection.close();
});

Deno.test("a failed commit is reported as not applied, or as unknown", async () => {
  const closed = Object.assign(new Error("Bad resource ID"), { name: "BadResource" });
  const failures: [Error, object][] = [
    [new TypeError("database or disk is full"), { name: "StoreError", code: "store-full" }],
    [closed, { name: "StoreError", code: "store-closed" }],
    [new Error("attempt to write a readonly database"), { name: "StoreError", code: "store-unavailable" }],
    [new TypeError("Value too large (max 1 bytes)"), { name: "TypeError" }],
    [new Error("error sending request"), { name: "OutcomeUnknownError", code: "outcome-unknown" }],
    [new Error("disk I/O error"), { name: "OutcomeUnknownError", code: "outcome-unknown" }],
  ];
  for (const [error, expected] of failures) {
    const connection = await denoKv(fake(() => Promise.reject(error))).open({ clock: systemClock() });
    await assert.rejects(
      commit(connection, { writes: [{ key: "a", value: text("1") }] }),
      expected,
      error.message,
    );
  }
});

Deno.test("a read that fails is a StoreError: it changed nothing", async () => {
  const broken = { ...fake(() => Promise.resolve({ ok: false })) };
  broken.getMany = () => Promise.reject(new Error("error sending request"));
  const connection = await denoKv(broken).open({ clock: systemClock() });
  const failure = {
    name: "StoreError",
    code: "store-unavailable",
    message: "Cannot read: error sending request",
  };
  await assert.rejects(connection.read(["a"]), failure);
  // also between two attempts of a commit; but over a network the first may have been applied
  const parts = ["a", "b"].map((key) => ({ checks: [{ key, version: undefined }] }));
  await assert.rejects(commit(connection, ...parts), { code: "outcome-unknown" });
  const local = await denoKv(broken, { remote: false }).open({ clock: systemClock() });
  await assert.rejects(commit(local, ...parts), failure);
});

Deno.test("two stores on one file get all their checked commits through", { ignore }, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const connections = await Promise.all(
      [1, 2].map((seed) =>
        denoKv(`${folder}/a.kv`, { random: seededRandom(seed) }).open({ clock: systemClock() })
      ),
    );
    const work = async (connection: StoreConnection) => {
      for (let done = 0; done < 40;) {
        const [stored] = await connection.read(["count"]);
        const n = stored === undefined ? 0 : Number(new TextDecoder().decode(stored.value));
        const [version] = await commit(connection, {
          checks: [{ key: "count", version: stored?.version }],
          writes: [{ key: "count", value: text(String(n + 1)) }],
        });
        if (version !== undefined) done++;
      }
    };
    await Promise.all(connections.map(work));
    const [stored] = await connections[0].read(["count"]);
    assert.equal(new TextDecoder().decode(stored!.value), "80");
    for (const connection of connections) await connection.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

type Result = { ok: true; versionstamp: string } | { ok: false };

/** A handle without data, whose commits have the outcome that the test chooses. */
function fake(end: () => Promise<Result>): KvHandle {
  return {
    getMany: (keys) => Promise.resolve(keys.map((key) => ({ key, value: null, versionstamp: null }))),
    list: () => (async function* () {})(),
    atomic: () => ({ check() {}, set() {}, delete() {}, commit: end }),
    watch: () => new ReadableStream(),
    close() {},
  };
}

/** The handle, with its commits overridden. */
function intercepted(kv: Deno.Kv, end: (atomic: KvAtomic) => Promise<Result>): KvHandle {
  return {
    getMany: (keys: KvKey[], options): Promise<KvEntry[]> => kv.getMany(keys, options),
    list: (selector, options) => kv.list(selector, options),
    watch: (keys) => kv.watch(keys),
    close: () => kv.close(),
    atomic() {
      const atomic = kv.atomic();
      return {
        check: (check) => atomic.check(check),
        set: (key, value, options) => atomic.set(key, value, options),
        delete: (key) => atomic.delete(key),
        commit: () => end(atomic),
      };
    },
  };
}

function counted(kv: Deno.Kv, seen: { commits: number; reads: number }): KvHandle {
  const handle = intercepted(kv, (atomic) => {
    seen.commits++;
    return atomic.commit();
  });
  return {
    ...handle,
    getMany(keys, options) {
      seen.reads++;
      return handle.getMany(keys, options);
    },
  };
}

const nothing: AtomicPart = { checks: [], writes: [], removals: [] };

function commit(
  connection: StoreConnection,
  ...parts: Partial<AtomicPart>[]
): Promise<(string | undefined)[]> {
  return connection.commit(parts.map((part) => ({ ...nothing, ...part })));
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}
