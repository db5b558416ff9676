import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  decodeValue,
  encodeValue,
  fromText,
  requireText,
  toText,
  ValueEncoder,
} from "../../../runtime/durable/stored_value.ts";

Deno.test("plain data comes back as it was, whatever it is", () => {
  const data = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    key: fc.string().filter((key) => !["__proto__", "constructor", "prototype"].includes(key)),
  });
  fc.assert(
    fc.property(data, (value) => {
      assert.deepEqual(fromText(toText(value)), value);
    }),
    { seed: 7, numRuns: 500 },
  );
});

const inside: readonly [where: string, wrap: (value: unknown) => unknown][] = [
  ["by itself", (value) => value],
  ["in an object", (value) => ({ a: [{ b: value }] })],
  ["in a map", (value) => new Map([["a", value]])],
  ["as a map's key", (value) => new Map([[value, 1]])],
  ["in a set", (value) => new Set([value])],
  ["behind a cycle", (value) => {
    const object: Record<string, unknown> = { b: value };
    return Object.assign(object, { a: object });
  }],
];

for (const [where, wrap] of inside) {
  for (const value of [() => {}, Symbol("x")]) {
    Deno.test(`a ${typeof value} ${where} is refused: it would be gone without a word`, () => {
      const failure = { code: "not-storable", message: `Cannot store a value: it has a ${typeof value}` };
      assert.throws(() => toText(wrap(value)), failure);
      assert.throws(() => requireText(wrap(value)), failure);
    });
  }
}

Deno.test("what the library refuses has the same code, and so has what is nested too deeply", () => {
  assert.throws(() => toText({ at: new Date(0), constructor: 1 }), { code: "not-storable" });
  let deep: unknown = undefined;
  for (let depth = 0; depth < 100_000; depth++) deep = [deep];
  assert.throws(() => toText(deep), { code: "not-storable" });
});

Deno.test("a value once and again is no cycle, and a cycle comes back", () => {
  const shared = { at: new Date(0) };
  assert.deepEqual(fromText(toText([shared, shared])), [shared, shared]);
  const cycle: { self?: unknown; at: Date } = { at: new Date(0) };
  cycle.self = cycle;
  const back = fromText(toText(cycle)) as typeof cycle;
  assert.equal(back.self, back);
});

Deno.test("values that lie side by side in memory are as if each were alone, and stay so", () => {
  const text = fc.string({ unit: "binary", maxLength: 1_300, size: "max" });
  const texts = fc.array(text, { minLength: 1, maxLength: 60, size: "max" });
  fc.assert(
    fc.property(texts, (texts) => {
      const encoder = new ValueEncoder();
      const values = texts.map((text, index) => encoder.encode({ index }, text));
      const same = values.every((value, index) => {
        const { head, text } = decodeValue<{ index: number }>(value);
        const alone = encodeValue({ index }, texts[index]);
        return head.index === index && text === texts[index].toWellFormed() && value.length === alone.length;
      });
      assert.ok(same);
    }),
    { seed: 7, numRuns: 30, endOnFailure: true },
  );
});
