import type { AtomicPart, Put, StoreLimits } from "../../runtime/ports/store.ts";
import { sizeOfCommit } from "../../runtime/ports/commit_size.ts";
import {
  applied,
  type Bench,
  bytes,
  expectEqual,
  keysOf,
  part,
  puts,
  readShown,
  shown,
} from "./expectations.ts";

/** The cases about large values and large commits. */
export const limitCases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "a value much larger than a cell is written, read and removed as a whole"(
    { connection, store: { traits: { limits } } },
  ) {
    const size = Math.floor(Math.min(limits.valueBytes * 3.5, limits.bytes / 2, 1_000_000));
    const small = { key: "big", value: bytes(10, 1) };
    // neighbouring keys
    const stale = await applied(connection, puts({ a: "", "big ": "", big0: "", c: "" }));
    const steps = [
      size,
      size - 1,
      Math.floor(size / 2),
      size,
      10,
      size,
      0,
      limits.valueBytes < size ? limits.valueBytes + 1 : size,
    ];
    let oldBytes: number | undefined;
    for (const [index, bytesNow] of steps.entries()) {
      const write = { key: "big", value: bytes(bytesNow, index) };
      const version = await applied(connection, part({ writes: [{ ...write, oldBytes }] }));
      oldBytes = bytesNow;
      const [stored] = await connection.read(["big"]);
      expectEqual([shown(stored), stored?.version], [shown(write), version], `${bytesNow} bytes, read`);
      const list = await connection.list({ prefix: "", limit: 1_000 });
      expectEqual(
        list.map(({ key }) => key),
        ["a", "big", "big ", "big0", "c"],
        `${bytesNow} bytes: all keys`,
      );
      expectEqual(shown(list[1]), shown(write), `${bytesNow} bytes, listed`);
      const [after] = await connection.list({ prefix: "", limit: 1, after: "big ", reverse: true });
      expectEqual(
        [shown(after), after.version],
        [shown(write), version],
        `${bytesNow} bytes, listed backwards`,
      );
      const refused = part({ checks: [{ key: "big", version: stale }], writes: [{ ...small, oldBytes }] });
      expectEqual(await connection.commit([refused]), [undefined], "a stale part");
      expectEqual(
        await readShown(connection, ["big"]),
        [shown(write)],
        `${bytesNow} bytes after a stale part`,
      );
    }
    await applied(connection, part({ removals: [{ key: "big", oldBytes }] }));
    expectEqual(await keysOf(connection), ["a", "big ", "big0", "c"], "after its removal");
    await applied(connection, part({ writes: [small] }));
    expectEqual(await readShown(connection, ["big"]), [shown(small)], "a small one that comes after it");
  },

  async "a large value is replaced and removed as a whole without a hint of its size"(
    { connection, store: { traits: { limits } } },
  ) {
    const large = Math.floor(Math.min(limits.valueBytes * 3.5, limits.bytes / 4, 1_000_000));
    for (const [index, size] of [large, 10, large, large - 1, 0, large].entries()) {
      const write = { key: "big", value: bytes(size, index) };
      for (const oldBytes of [undefined, 1, large * 2]) {
        await applied(connection, part({ writes: [{ ...write, oldBytes }] }));
        expectEqual(await readShown(connection, ["big"]), [shown(write)], `${size} bytes, ${oldBytes} said`);
      }
    }
    for (const oldBytes of [undefined, 1, large * 2]) {
      await applied(connection, part({ removals: [{ key: "big", oldBytes }] }));
      expectEqual(await keysOf(connection), [], `after its removal, ${oldBytes} said`);
      const small = { key: "big", value: bytes(3, 3) };
      await applied(connection, part({ writes: [small] }));
      expectEqual(await readShown(connection, ["big"]), [shown(small)], "a small one that comes after it");
      await applied(connection, part({ writes: [{ key: "big", value: bytes(large, 4) }] }));
    }
  },

  async "a part at the limits is applied"({ connection, store: { traits: { limits } } }) {
    for (const [what, one] of Object.entries(partsAtLimits(limits))) {
      const version = await applied(connection, one).catch((error) => {
        throw new Error(`The most ${what}: ${error}`, { cause: error });
      });
      const keys = one.writes.map(({ key }) => key);
      if (one.checks.length > 0) {
        const stale = { ...one.checks.at(-1)!, version };
        const late = { ...one, checks: [...one.checks.slice(0, -1), stale] };
        expectEqual(
          await connection.commit([late]),
          [undefined],
          `the most ${what}, of which the last fails`,
        );
      }
      for (const [index, stored] of (await connection.read(keys)).entries()) {
        expectEqual(
          [shown(stored), stored?.version],
          [shown(one.writes[index]), version],
          `the most ${what}`,
        );
      }
      const removals = one.writes.map(({ key, value }) => ({ key, oldBytes: value.length }));
      await applied(connection, part({ removals }));
    }
    expectEqual(await keysOf(connection), [], "what is left");
  },
};

/** How many writes or checks, how many bytes of a key and of a value a store without a limit for them takes at least. */
const countAtLeast = 1_000;
const keyBytesAtLeast = 1_900;
const bytesAtLeast = 4 * 1024 * 1024;

/** For each limit, a part that reaches it exactly or as nearly as possible; without a limit, a large part. */
function partsAtLimits(limits: StoreLimits): Record<string, AtomicPart> {
  const parts: Record<string, AtomicPart> = {};
  const { valueBytes, keysBytes } = limits;
  const [tiny, name] = [bytes(1, 1), (index: number) => `k${String(index).padStart(6, "0")}`];
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ key: name(index), value: tiny }));
  const ofOne = sizeOfCommit(
    part({ checks: [{ key: name(0), version: undefined }], writes: many(1) }),
    limits,
  );
  const room = Math.floor(Math.min(limits.bytes / ofOne.bytes, keysBytes / ofOne.keysBytes));
  const countOf = (limit: number) => limit === Infinity ? Math.min(countAtLeast, room) : limit;
  const keyBytes = limits.keyBytes === Infinity ? Math.min(keyBytesAtLeast, keysBytes / 2) : limits.keyBytes;
  const keys = ["a", "b"].map((end) => "k".repeat(Math.floor(keyBytes) - 1) + end);
  parts["bytes of a key"] = part({ writes: keys.map((key, index) => ({ key, value: bytes(9, index) })) });
  if (valueBytes !== Infinity) {
    parts["bytes of a value"] = part({ writes: [{ key: "k", value: bytes(valueBytes, 1) }] });
  }
  const each = many(countOf(limits.checks)).map(({ key }) => ({ key: `c${key}`, version: undefined }));
  parts.checks = part({ checks: each, writes: many(1) });
  parts.writes = part({ writes: many(countOf(limits.writes)) });
  parts.bytes = part({
    writes: writesOf(limits.bytes === Infinity ? bytesAtLeast : limits.bytes, name, limits),
  });
  if (keysBytes !== Infinity) {
    const length = Math.min(keyBytes, 1_024);
    const count = Math.floor(keysBytes / length);
    parts["bytes of keys"] = part({
      writes: many(count).map(({ key, value }) => ({ key: key.padEnd(length, "x"), value })),
    });
  }
  return parts;
}

/** Writes that take so many bytes together. */
function writesOf(most: number, name: (index: number) => string, limits: StoreLimits): Put[] {
  const size = Math.min(limits.valueBytes, most);
  const filled: Put[] = [];
  for (let rest = most; rest > 0;) {
    const key = name(filled.length);
    const overhead = sizeOfCommit(part({ writes: [{ key, value: new Uint8Array(0) }] }), limits).bytes;
    if (rest < overhead) break;
    const value = bytes(Math.min(size, rest - overhead), filled.length);
    filled.push({ key, value });
    rest -= overhead + value.length;
  }
  return filled;
}
