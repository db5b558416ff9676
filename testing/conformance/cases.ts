import type { AtomicPart, StoreConnection } from "../../runtime/ports/store.ts";
import {
  applied,
  type Bench,
  bytes,
  codeOf,
  expect,
  expectEqual,
  keysOf,
  part,
  puts,
  readShown,
  shown,
} from "./expectations.ts";

/** The cases about reads, commits, watches and closing. */
export const cases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "a read returns the entries in the order of its keys, and undefined for a key without a value"(
    { connection },
  ) {
    const keys = Array.from({ length: 25 }, (_, index) => `k${index}`);
    const writes = keys.map((key, index) => ({ key, value: bytes(index, index) })); // the first is empty
    for (const write of writes) await applied(connection, part({ writes: [write] }));
    const expected = writes.map(shown);
    expectEqual(await readShown(connection, keys), expected, "25 keys");
    expectEqual(
      await readShown(connection, ["k3", "nowhere", "k1", "k3"]),
      [expected[3], undefined, expected[1], expected[3]],
      "some keys, one twice and one that is not there",
    );
    expectEqual(await connection.read([]), [], "no keys");
    const names = ["__proto__", "constructor", "toString"]; // which every object of JavaScript has
    expectEqual(await connection.read(names), [undefined, undefined, undefined], "keys that objects have");
  },

  // deno-lint-ignore require-await -- what is thrown rejects
  async "it carries the durable engine"({ store }) {
    expectEqual(
      typeof store.engine?.["~begin"],
      "function",
      "its `engine`, which is `storeEngine` of the store entry",
    );
  },

  async "a written value does not change if the caller reuses its buffer"(
    { connection },
  ) {
    const buffer = new Uint8Array([9, 1, 2, 3, 9]);
    const committing = applied(connection, part({ writes: [{ key: "k", value: buffer.subarray(1, 4) }] }));
    await committing;
    buffer.fill(7);
    const [first] = await connection.read(["k"]);
    expectEqual([...first!.value], [1, 2, 3], "a piece of a buffer that has changed since");
    first!.value.fill(8);
    const [second] = await connection.read(["k"]);
    expectEqual([...second!.value], [1, 2, 3], "after the reader has changed what he got");
    const [listed] = await connection.list({ prefix: "k", limit: 1 });
    listed.value.fill(8);
    const [again] = await connection.list({ prefix: "k", limit: 1 });
    expectEqual([...again.value], [1, 2, 3], "after who listed it has changed what he got");
  },

  async "every write of a part has the version that its commit returned"({ connection }) {
    const version = await applied(connection, puts({ a: "1", b: "2" }));
    const read = await connection.read(["a", "b"]);
    const list = await connection.list({ prefix: "", limit: 10 });
    for (const stored of [...read, ...list]) expectEqual(stored?.version, version, "its version");
  },

  async "two writes of a key never have the same version, even with a removal between them"({ connection }) {
    const versions = new Set<string>();
    for (let round = 0; round < 10; round++) {
      versions.add(await applied(connection, puts({ k: "the same" })));
      if (round % 2 === 0) await applied(connection, part({ removals: [{ key: "k" }] }));
    }
    expectEqual(versions.size, 10, "how many versions 10 writes have");
  },

  async "writes of a key by several connections never have the same version"({ connection, connect }) {
    const versions = new Set<string>();
    const connections = [connection, await connect()];
    for (let round = 0; round < 12; round++) {
      if (round % 6 === 5) connections[1] = await connect();
      versions.add(await applied(connections[round % 2], puts({ k: "the same" })));
    }
    expectEqual(versions.size, 12, "how many versions 12 writes have");
  },

  async "what was committed is there when all connections were closed, and no version comes again"(
    { connection, connect, store },
  ) {
    if (store.traits.durability === "nothing") return;
    const second = await connect();
    const versions = [await applied(connection, puts({ a: "1" })), await applied(second, puts({ b: "1" }))];
    for (const one of [connection, second]) await one.close();
    const third = await connect();
    const stored = await third.read(["a", "b"]);
    expectEqual(stored.map((one) => one?.version), versions, "the versions of what was written before");
    versions.push(await applied(third, puts({ a: "2" })), await applied(third, puts({ a: "3" })));
    expectEqual(new Set(versions).size, 4, "how many versions 4 commits have");
  },

  async "a part is applied as a whole if all its checks hold, and not at all otherwise"({ connection }) {
    const old = await applied(connection, puts({ k: "1", other: "1", gone: "1" }));
    const now = await applied(connection, puts({ k: "2" }));
    const attempt = async (key: string, version: string | undefined) => {
      const writes = puts({ k: "3", new: "3" }).writes;
      const checks = [{ key: "other", version: old }, { key, version }];
      return (await connection.commit([part({ checks, writes, removals: [{ key: "gone" }] })]))[0];
    };
    const before = await readShown(connection, ["k", "new", "gone"]);
    expectEqual(await attempt("k", old), undefined, "a check of a version that is over");
    expectEqual(
      await attempt("k", undefined),
      undefined,
      "a check that there is nothing, where there is something",
    );
    expectEqual(await attempt("nowhere", old), undefined, "a check of a version, where there is nothing");
    expectEqual(
      await readShown(connection, ["k", "new", "gone"]),
      before,
      "what is there after failed checks",
    );
    const version = await attempt("k", now);
    expect(version !== undefined, "a part whose checks hold is applied");
    const [k, made, gone] = await connection.read(["k", "new", "gone"]);
    expectEqual([k?.version, made?.version, gone], [version, version, undefined], "what is there after it");
    expect(
      await attempt("nowhere", undefined) !== undefined,
      "a check that there is nothing holds where that is so",
    );
  },

  async "a part whose checks of one key contradict each other is not applied"({ connection }) {
    const old = await applied(connection, puts({ k: "1" }));
    const now = await applied(connection, puts({ k: "2" }));
    for (const [one, other] of [[old, now], [undefined, now]]) {
      for (const versions of [[one, other], [other, one]]) {
        const checks = versions.map((version) => ({ key: "k", version }));
        for (const change of [{}, { writes: puts({ k: "3" }).writes }, { removals: [{ key: "k" }] }]) {
          const beside = part({ writes: [...change.writes ?? [], ...puts({ new: "3" }).writes] });
          const both = part({ ...change, ...beside, checks });
          expectEqual(await connection.commit([both]), [undefined], "what a commit of it says");
          expectEqual(await connection.commit([part({ checks })]), [undefined], "and of its checks alone");
        }
      }
    }
    const stored = await connection.read(["k", "new"]);
    expectEqual(stored.map((entry) => entry?.version), [now, undefined], "what is there after it");
    const checks = [{ key: "k", version: now }, { key: "k", version: now }];
    const [version] = await connection.commit([part({ ...puts({ k: "3" }), checks })]);
    expect(version !== undefined, "a part that says the same twice is applied");
  },

  async "a check fails for a value that was removed and written again"({ connection }) {
    const first = await applied(connection, puts({ k: "the same" }));
    await applied(connection, part({ removals: [{ key: "k" }] }));
    const check = (version: string | undefined) => part({ checks: [{ key: "k", version }] });
    expectEqual(await connection.commit([check(first)]), [undefined], "a check while it is removed");
    await applied(connection, puts({ k: "the same" }));
    expectEqual(await connection.commit([check(first)]), [undefined], "a check after it was written again");
  },

  async "a part that writes a key and removes it is refused, and nothing is applied"({ connection }) {
    await applied(connection, puts({ k: "old" }));
    const before = await readShown(connection, ["k", "beside", "another"]);
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`w${index}`, "new"]));
    for (const others of [{}, many]) {
      const both = part({ ...puts({ ...others, beside: "new", k: "new" }), removals: [{ key: "k" }] });
      const refusal = await connection.commit([puts({ another: "new" }), both]).catch((error) => error);
      expect(refusal instanceof TypeError, `It rejects with a TypeError, and it gave ${String(refusal)}`);
      expectEqual(await readShown(connection, ["k", "beside", "another"]), before, "what is there after it");
    }
  },

  async "a value whose expiry is later than any date is kept"({ connection }) {
    for (const expiresAtMs of [8.64e15, 1e300, Infinity]) {
      await applied(connection, part({ writes: [{ key: "k", value: bytes(3, 1), expiresAtMs }] }));
      expectEqual(
        await readShown(connection, ["k"]),
        [shown({ key: "k", value: bytes(3, 1) })],
        "what is there",
      );
    }
  },

  async "a commit of several parts leaves out only the stale ones"({ connection }) {
    const stale = await applied(connection, puts({ a: "0" }));
    const version = await applied(connection, puts({ a: "1", b: "1", c: "1" }));
    const change = (key: string, checked: string | undefined): AtomicPart =>
      part({
        checks: [{ key, version: checked }],
        writes: [{ key, value: bytes(3, 1) }, { key: `mail/${key}`, value: bytes(9, 1) }],
      });
    const versions = await connection.commit([
      change("a", version),
      change("b", stale),
      part({ removals: [{ key: "c" }] }),
      change("d", undefined),
    ]);
    expectEqual(versions.map((one) => one !== undefined), [true, false, true, true], "which were applied");
    expectEqual(await keysOf(connection), ["a", "b", "d", "mail/a", "mail/d"], "what is there");
    const [a, b, d, mail] = await connection.read(["a", "b", "d", "mail/a"]);
    expectEqual([a?.version, mail?.version, b?.version, d?.version], [
      versions[0],
      versions[0],
      version,
      versions[3],
    ], "versions");
    expectEqual(
      await connection.commit([change("a", stale), change("b", stale)]),
      [undefined, undefined],
      "all stale",
    );
  },

  async "a part without checks replaces or removes a value unconditionally"({ connection }) {
    await applied(connection, puts({ a: "1" }));
    await applied(connection, puts({ a: "2", b: "2" }));
    await applied(connection, part({ removals: [{ key: "b" }, { key: "nowhere" }] }));
    expectEqual(await readShown(connection, ["a", "b", "nowhere"]), [
      shown({ key: "a", value: puts({ a: "2" }).writes[0].value }),
      undefined,
      undefined,
    ], "what is there");
  },

  async "parts with only checks report whether they hold, and an empty commit does nothing"({ connection }) {
    const stale = await applied(connection, puts({ a: "0" }));
    const version = await applied(connection, puts({ a: "1" }));
    const check = (key: string, checked: string | undefined) => part({ checks: [{ key, version: checked }] });
    const versions = await connection.commit([
      check("a", version),
      check("a", stale),
      check("b", undefined),
      part({}),
    ]);
    expectEqual(versions.map((one) => one !== undefined), [true, false, true, true], "which hold");
    expectEqual(await connection.commit([]), [], "a commit of no parts");
    const [stored] = await connection.read(["a"]);
    expectEqual(stored?.version, version, "its version afterwards");
  },

  async "another connection sees at once what was committed"({ connection, connect }) {
    const other = await connect();
    for (let round = 0; round < 20; round++) {
      const [writer, reader] = round % 2 === 0 ? [connection, other] : [other, connection];
      const version = await applied(writer, puts({ [`k${round}`]: "x", same: String(round) }));
      const stored = [
        ...await reader.read([`k${round}`, "same"]),
        (await reader.list({ prefix: "same", limit: 1 }))[0],
      ];
      expectEqual(stored.map((one) => one?.version), [version, version, version], `round ${round}`);
    }
  },

  async "no reader sees only some of what a commit applies"({ connection, connect }) {
    const other = await connect();
    const keys = ["s1", "s2", "s3", "s4"];
    await applied(connection, puts(Object.fromEntries(keys.map((key) => [key, ""]))));
    let ended = false;
    const write = async () => {
      for (let round = 0; round < 40; round++) {
        const versions = await connection.commit(
          [0, 2].map((from) =>
            puts(Object.fromEntries(keys.slice(from, from + 2).map((key) => [key, String(round)])))
          ),
        );
        expectEqual(versions.includes(undefined), false, "whether a part was left out");
      }
      ended = true;
    };
    const read = async () => {
      // No more than that: where a list needs no turn of the event loop, the commits would never have theirs.
      for (let lists = 0; lists < 40 && (!ended || lists === 0); lists++) {
        const list = await other.list({ prefix: "s", limit: 10 });
        const texts = list.map(({ key, value }) => [key, shown({ key: "", value })]);
        expectEqual(texts, keys.map((key) => [key, texts[0]?.[1]]), "what a list has during commits");
      }
    };
    await Promise.all([write().finally(() => ended = true), read()]);
  },

  async "one of several concurrent changes of a key succeeds, and no change is lost"(
    { connection, connect },
  ) {
    const [counters, rounds] = [3, 10];
    const increment = async (by: StoreConnection) => {
      for (let done = 0; done < rounds;) {
        const [stored] = await by.read(["count"]);
        const value = new Uint8Array([(stored?.value[0] ?? 0) + 1]);
        const checks = [{ key: "count", version: stored?.version }];
        const [version] = await by.commit([part({ checks, writes: [{ key: "count", value }] })]);
        if (version !== undefined) done++;
      }
    };
    const connections = [connection, await connect(), await connect()];
    await Promise.all(connections.map(increment));
    const [stored] = await connection.read(["count"]);
    expectEqual(stored?.value[0], counters * rounds, "the count");
  },

  async "a watcher is called soon after another connection commits, until it is disposed of"(
    { connection, connect, advance },
  ) {
    const other = await connect();
    const heard = [0, 0];
    const watches = heard.map((_, index) => connection.watch(() => void heard[index]++));
    const ring = { ...puts({ bell: "x" }), rings: true };
    const hears = async (expected: (now: readonly number[]) => boolean, what: string) => {
      for (let waited = 0; !expected(heard) && waited < 5_000; waited += 5) await advance(5);
      expect(expected(heard), `${what}: heard ${heard.join(" and ")} times within 5 s`);
    };
    await applied(other, ring);
    await hears(([a, b]) => a > 0 && b > 0, "both that watch");
    watches[0][Symbol.dispose]();
    watches[0][Symbol.dispose]();
    await advance(100);
    const before = [...heard];
    await other.commit([puts({ quiet: "x" }), ring]);
    await hears(([, b]) => b > before[1], "the one that goes on, of a second part");
    expectEqual(heard[0], before[0], "how often the one heard that has ended it");
  },

  async "a value is readable until it expires"({ connection, clock, advance }) {
    const soon = clock.now() + 300;
    const values = { soon, later: clock.now() + 3_600_000, never: undefined };
    const writes = Object.entries(values).map(([key, expiresAtMs]) => ({
      key,
      value: bytes(9, 1),
      expiresAtMs,
    }));
    await applied(connection, part({ writes }));
    await applied(connection, part({ writes: [{ ...writes[0], key: "again" }] }));
    await applied(connection, puts({ again: "without an end" }));
    for (;;) {
      await applied(connection, puts({ tick: "x" })); // a commit may delete what has expired
      const keys = await keysOf(connection);
      if (clock.now() >= soon) break;
      expectEqual(
        keys,
        ["again", "later", "never", "soon", "tick"],
        "what is there before any of it expires",
      );
      await advance(25);
    }
    await advance(200);
    await applied(connection, puts({ tick: "x" }));
    expectEqual(
      (await keysOf(connection)).filter((key) => key !== "soon"),
      ["again", "later", "never", "tick"],
      "the others",
    );
    // A value that is written again without expiry no longer expires.
    await applied(connection, puts({ later: "again" }));
    expect(
      (await connection.read(["later"]))[0] !== undefined,
      "what was written again without an end is there",
    );
  },

  async "a closed connection refuses calls, after those in progress have ended"({ connection, connect }) {
    const other = await connect();
    const underWay = other.commit([puts({ k: "1" })]);
    let heard = 0;
    other.watch(() => void heard++);
    await Promise.all([other.close(), other.close()]);
    const [version] = await underWay;
    const [stored] = await connection.read(["k"]);
    expect(version !== undefined && stored?.version === version, "what was under way has landed");
    await other.close();
    for (
      const call of [
        () => other.read(["k"]),
        () => other.list({ prefix: "", limit: 1 }),
        () => other.commit([puts({})]),
      ]
    ) {
      expectEqual(await codeOf(call()), "store-closed", "a call after close");
    }
    await applied(connection, { ...puts({ k: "2" }), rings: true });
    expectEqual(heard, 0, "how often a closed connection heard");
    expect((await connection.read(["k"]))[0] !== undefined, "the other connection goes on");
  },
};
