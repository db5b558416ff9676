import assert from "node:assert/strict";
import { InvalidPayloadError, type Schema, unchecked } from "@posthorn/posthorn";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import { parse } from "../../../runtime/language/parse.ts";
import { isUnchecked } from "../../../runtime/language/schema.ts";
import { oddThings } from "../odd_things.ts";

const what = ["Cannot accept", "order/ada add"] as const;

/** The issues with which a schema refuses a value. */
function issuesOf(schema: Schema<unknown> | undefined, value: unknown) {
  try {
    parse(schema, value, ...what);
  } catch (error) {
    assert.ok(error instanceof InvalidPayloadError, String(error));
    assert.equal(error.code, "invalid-payload");
    return error.issues;
  }
  assert.fail("it was accepted");
}

/** The same schemas in three libraries. */
const libraries = {
  zod: {
    line: z.object({ sku: z.string(), tags: z.array(z.object({ n: z.number() })) }),
    length: z.string().transform((text) => text.length),
    currency: z.object({ currency: z.string().default("EUR") }),
    slow: z.string().refine(() => Promise.resolve(true)),
  },
  valibot: {
    line: v.object({ sku: v.string(), tags: v.array(v.object({ n: v.number() })) }),
    length: v.pipe(v.string(), v.transform((text) => text.length)),
    currency: v.object({ currency: v.optional(v.string(), "EUR") }),
    slow: v.pipeAsync(v.string(), v.checkAsync(() => Promise.resolve(true))),
  },
  arktype: {
    line: type({ sku: "string", tags: type({ n: "number" }).array() }),
    length: type("string").pipe((text) => text.length),
    currency: type({ currency: "string = 'EUR'" }),
    slow: undefined, // arktype does not support promises
  },
};

for (const [library, { line, length, currency, slow }] of Object.entries(libraries)) {
  Deno.test(`${library}: what fits comes out as the schema makes it`, () => {
    const value = { sku: "tea", tags: [{ n: 1 }] };
    assert.deepEqual(parse(line, value, ...what), value);
    assert.equal(parse(length, "four", ...what), 4);
    assert.deepEqual(parse(currency, {}, ...what), { currency: "EUR" });
  });

  Deno.test(`${library}: an error says what is wrong, and where`, () => {
    const [issue, ...more] = issuesOf(line, { sku: "tea", tags: [{ n: 1 }, { n: "two" }] });
    assert.deepEqual([issue.path, more], [["tags", 1, "n"], []]);
    assert.ok(issue.message.length > 0);
    assert.deepEqual(issuesOf(line, { sku: 1, tags: "none" }).map(({ path }) => path), [["sku"], ["tags"]]);
    assert.deepEqual(issuesOf(length, 4)[0].path, []);
  });

  if (slow === undefined) continue;
  Deno.test(`${library}: a schema that answers with a promise is a TypeError`, async () => {
    assert.throws(() => parse(slow, "fits", ...what), {
      name: "TypeError",
      message:
        "Cannot accept order/ada add: its schema failed: it answers with a promise, and a schema must answer at once",
    });
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined))); // no rejection is left unhandled
  });
}

/** A handwritten schema. */
function schemaOf(validate: Schema<unknown>["~standard"]["validate"]): Schema<unknown> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

Deno.test("a promise that a schema returns may reject without an unhandled rejection", async () => {
  const slow = schemaOf(() => Promise.reject(new Error("broken")));
  assert.throws(() => parse(slow, 5, ...what), TypeError);
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
});

for (const [name, make] of oddThings) {
  Deno.test(`a schema that throws ${name} is a TypeError, unless that is an error of the runtime`, () => {
    const thrown = make();
    const failing = schemaOf(() => {
      throw thrown;
    });
    try {
      parse(failing, 5, ...what);
    } catch (error) {
      if (error === thrown) return assert.equal(typeof (error as Error).message, "string");
      assert.ok(error instanceof TypeError);
      return assert.match(error.message, /^Cannot accept order\/ada add: its schema failed: /);
    }
    assert.fail("it was let through");
  });
}

Deno.test("a schema that answers with nothing, or with a thenable, lets nothing through", async () => {
  const answers: unknown[] = [undefined, null, { then() {} }, { issues: [null] }];
  answers.push({ then: (_: unknown, reject: (error: Error) => void) => reject(new Error("late")) });
  answers.push({
    get issues() {
      throw new Error("boom");
    },
  }, {
    get then() {
      throw new Error("boom");
    },
  });
  for (const answer of answers) {
    const odd = schemaOf(() => answer as never);
    assert.throws(() => parse(odd, 5, ...what), TypeError);
  }
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
});

Deno.test("paths are made of text and numbers, whatever the library made them of", () => {
  const symbol = Symbol("secret");
  const refuse = schemaOf(() => ({
    issues: [
      { message: "one", path: [{ key: "a" }, 0, { key: symbol }, symbol] },
      { message: "two" },
      { message: "three", path: [] },
      {
        message: "four",
        path: [{ key: 1n }, { key: NaN }, { key: { toString: 1, valueOf: 1 } }, { key: new Date(0) }],
      },
      { message: "five", path: [{ key: null }, { key: undefined }, { key: false }] },
    ] as never,
  }));
  assert.deepEqual(issuesOf(refuse, 5), [
    { message: "one", path: ["a", 0, "Symbol(secret)", "Symbol(secret)"] },
    { message: "two", path: [] },
    { message: "three", path: [] },
    { message: "four", path: ["1", "NaN", "[object]", "[object]"] },
    { message: "five", path: ["false"] },
  ]);
});

Deno.test("an issue within a map has its path, whatever the key is", () => {
  const prices = v.map(v.any(), v.string());
  for (const [key, said] of [[1n, "1"], [{ toString: 1 }, "[object]"], ["tea", "tea"]] as const) {
    const [issue] = issuesOf(prices, new Map([[key, 5]]));
    assert.deepEqual(JSON.parse(JSON.stringify(issue.path)), [said]);
  }
  assert.deepEqual(issuesOf(v.set(v.string()), new Set([1n]))[0].path, []);
});

Deno.test("without a schema there is nothing to say", () => {
  assert.equal(parse(undefined, undefined, ...what), undefined);
  for (const value of [null, 0, "", {}]) {
    assert.deepEqual(issuesOf(undefined, value), [{ message: "It takes no payload", path: [] }]);
  }
});

Deno.test("unchecked accepts everything as it is", () => {
  const anything = unchecked<string>();
  const symbol = Symbol();
  for (const value of [undefined, null, 5, symbol, { a: 1 }]) {
    assert.equal(parse(anything, value, ...what), value);
  }
  assert.deepEqual(anything["~standard"].validate(5), { value: 5 });
  assert.ok(isUnchecked(anything));
  assert.ok(!isUnchecked(libraries.zod.line));
});

Deno.test("an issue whose message is no text refuses the value as any other does", () => {
  for (const message of [Symbol("odd"), undefined, { toString: null }]) {
    const odd = schemaOf(() => ({ issues: [{ message: message as never }] }));
    assert.deepEqual(issuesOf(odd, 1), [{ message: "the schema gives no reason", path: [] }]);
  }
});
