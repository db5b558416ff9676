import {
  applied,
  type Bench,
  bytes,
  expect,
  expectEqual,
  keysOf,
  part,
  puts,
  readShown,
  shown,
} from "./expectations.ts";

/** The cases about lists. */
export const listCases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async "a list is in the order of the bytes of its keys"({ connection }) {
    const ordered = [
      ...["\u0001", "\u001e", "\u001f", " ", "-", ".", "/", "0", "A", "_", "a", "a\u001f", "a\u001f1", "a "],
      ...[
        "a/",
        "aa",
        "ab",
        "b",
        "e\u0301",
        "\u007f",
        "\u0080",
        "é",
        "é\u001f",
        "߿",
        "ࠀ",
        "日本",
        "\ud7ff",
        "\ue000",
      ],
      ...["\uffff", "𐀀", "😀", "\u{10ffff}", "\u{10ffff}a"],
    ];
    // Written in another order, so that a list in write order fails.
    const writes = ordered.map((_, index) => ({
      key: ordered[index * 13 % ordered.length],
      value: bytes(1, index),
    }));
    expect(new Set(writes.map(({ key }) => key)).size === ordered.length, "all keys are written");
    await applied(connection, part({ writes }));
    expectEqual(await keysOf(connection), ordered, "all keys");
    const backwards = await connection.list({ prefix: "", limit: 1_000, reverse: true });
    expectEqual(backwards.map(({ key }) => key), ordered.toReversed(), "all keys backwards");
    expectEqual(backwards.map(shown).toReversed(), await readShown(connection, ordered), "their values");
  },

  async "a list has the keys that begin with its prefix, and no other"({ connection }) {
    const keys = [
      "m\u001fa",
      "m\u001fa\u001f1",
      "m\u001fa\u001f2",
      "m\u001fab",
      "m\u001fb\u001f1",
      "m ",
      "n",
      "m",
      ...["p_1", "p%1", "p*1", "p.1", "px1", "P_1"], // no character of a prefix stands for others
    ];
    const high = [
      "\ud7ff",
      "\ud7ffa",
      "\ue000",
      "z\u{10ffff}",
      "z\u{10ffff}\u{10ffff}",
      "z\u{10ffff}a",
      "{",
      "\u{10ffff}",
    ];
    await applied(connection, puts(Object.fromEntries([...keys, ...high].map((key) => [key, key]))));
    const expected: Record<string, string[]> = {
      "m\u001fa\u001f": ["m\u001fa\u001f1", "m\u001fa\u001f2"],
      "m\u001fa": ["m\u001fa", "m\u001fa\u001f1", "m\u001fa\u001f2", "m\u001fab"],
      "m\u001f": ["m\u001fa", "m\u001fa\u001f1", "m\u001fa\u001f2", "m\u001fab", "m\u001fb\u001f1"],
      "n": ["n"],
      "N": [],
      "p_": ["p_1"],
      "p%": ["p%1"],
      "p*": ["p*1"],
      "p.": ["p.1"],
      "o": [],
      "\ud7ff": ["\ud7ff", "\ud7ffa"],
      "z\u{10ffff}": ["z\u{10ffff}", "z\u{10ffff}a", "z\u{10ffff}\u{10ffff}"],
      "\u{10ffff}": ["\u{10ffff}"],
    };
    for (const [prefix, list] of Object.entries(expected)) {
      expectEqual(await keysOf(connection, prefix), list, `prefix ${JSON.stringify(prefix)}`);
      const backwards = await connection.list({ prefix, limit: 1_000, reverse: true });
      expectEqual(backwards.map(({ key }) => key), list.toReversed(), `${JSON.stringify(prefix)} backwards`);
    }
  },

  async "a list continues after a key, which need not exist, and respects its limit"(
    { connection },
  ) {
    await applied(connection, puts({ a: "", p: "", p1: "", p3: "", p5: "", p7: "", q: "" }));
    const list = async (after: string, limit: number, reverse = false) =>
      (await connection.list({ prefix: "p", after, limit, reverse })).map(({ key }) => key).join(" ");
    expectEqual(await list("p1", 2), "p3 p5", "behind a key that exists");
    expectEqual(await list("p2", 9), "p3 p5 p7", "behind one that does not");
    expectEqual(await list("p", 1), "p1", "behind the prefix itself");
    expectEqual(await list("a", 9), "p p1 p3 p5 p7", "behind a key before all of them");
    expectEqual(await list("p7", 9), "", "behind the last");
    expectEqual(await list("q", 9), "", "behind a key behind all of them");
    expectEqual(await list("p5", 2, true), "p3 p1", "before a key that exists");
    expectEqual(await list("p4", 9, true), "p3 p1 p", "before one that does not");
    expectEqual(await list("q", 2, true), "p7 p5", "before a key behind all of them");
    expectEqual(await list("p", 9, true), "", "before the first");
    expectEqual(await list("a", 9, true), "", "before a key before all of them");
  },

  async "a list returns up to 1000 entries, and the next list continues after them"({ connection }) {
    const keys = Array.from({ length: 1_100 }, (_, index) => `k${String(index).padStart(4, "0")}`);
    for (let from = 0; from < keys.length; from += 100) {
      await applied(
        connection,
        puts(Object.fromEntries(keys.slice(from, from + 100).map((key) => [key, key]))),
      );
    }
    const first = await connection.list({ prefix: "k", limit: 1_000 });
    const second = await connection.list({ prefix: "k", after: first.at(-1)!.key, limit: 1_000 });
    expectEqual([first.length, second.length], [1_000, 100], "how many there are on each page");
    expectEqual([...first, ...second].map(({ key }) => key), keys, "all of them");
  },
};
