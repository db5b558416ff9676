import assert from "node:assert/strict";
import { roughBytes } from "../../../runtime/base/rough_bytes.ts";

Deno.test("roughBytes() is about what a value takes: its text, its numbers, and a little for each object", () => {
  const text = "x".repeat(1_000);
  for (
    const [value, least] of [
      [text, 1_000],
      [[text, text], 2_000],
      [{ [text]: text }, 2_000],
      [new Map([[text, text]]), 2_000],
      [new Set([text]), 1_000],
      [new Uint8Array(1_000), 1_000],
      [new ArrayBuffer(1_000), 1_000],
      [2n ** 8_000n, 1_000],
      [new Error(text), 1_000],
      [new Error("no", { cause: text }), 1_000],
      [Array.from({ length: 125 }, (_, index) => index), 1_000],
    ] as const
  ) {
    const bytes = roughBytes(value, Infinity);
    assert.ok(bytes >= least && bytes < least * 1.2, `${bytes} for ${least}`);
  }
});

Deno.test("roughBytes() counts what is there twice once, and comes to an end with what points at itself", () => {
  const shared = { text: "x".repeat(1_000) };
  const cyclic: Record<string, unknown> = { shared, again: shared };
  cyclic.self = cyclic;
  assert.ok(roughBytes(cyclic, Infinity) < 1_200);
  const list: unknown[] = [];
  list.push(list);
  const map = new Map<unknown, unknown>();
  map.set(map, 1);
  const error = new Error("no");
  error.cause = error;
  const inner: Record<string, unknown> = {};
  const outer = { inner };
  inner.outer = outer;
  const first: Record<string, unknown> = {};
  first.self = first;
  first.one = 1;
  for (const value of [list, map, error, outer, first]) assert.ok(roughBytes(value, 1_000_000) < 100);
});

Deno.test("roughBytes() looks at no more than it is asked for", () => {
  let looked = 0;
  const many = Array.from({ length: 1_000 }, () => ({
    get text() {
      looked++;
      return "x".repeat(100);
    },
  }));
  assert.equal(roughBytes(many, 1_000), 1_000);
  assert.ok(looked < 20, `${looked}`);
});

Deno.test("roughBytes() takes what cannot be looked at for something small, and counts what is beside it", () => {
  const thrower = {
    get text() {
      throw new Error("no");
    },
  };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const odd of [thrower, proxy, new Error("no", { cause: proxy })]) {
    const bytes = roughBytes([odd, "x".repeat(1_000)], 1_000_000);
    assert.ok(bytes > 2_000 && bytes < 2_500, `${bytes}`);
  }
});
