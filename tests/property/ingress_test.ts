import assert from "node:assert/strict";
import fc from "fast-check";
import { SuperJSON } from "superjson";
import { Desk, Order, PieceReader, superjsonType } from "../adapters/http/desk.ts";

const refusedKey = /"(__proto__|constructor|prototype)"/;

/**
 * V8's JSON.parse confuses keys of different objects,
 * `JSON.parse('[{"x":1,"a\\\\\\\\":2},{"x":1,"a\\\\.":2}]')`, if one has a backslash. So keys have none here;
 * revive_test.ts has such keys one at a time.
 */
const backslashKey = /\\[^"]*":/;
const echo = "/actors/order/ada/echo";

/** The names of inherited properties, which no input may modify. */
function sharedNames(): string {
  return [Object.prototype, Array.prototype, Map.prototype, Set.prototype, Date.prototype]
    .map((prototype) => Reflect.ownKeys(prototype).map(String).join()).join("\n");
}

// --- Round trips

Deno.test("every JSON value comes out of an ask as it went in", async () => {
  await using desk = new Desk();
  const value = fc.jsonValue({ maxDepth: 10 })
    .filter((value) => !refusedKey.test(JSON.stringify(value)) && !backslashKey.test(JSON.stringify(value)));
  await fc.assert(
    fc.asyncProperty(value, async (value) => {
      const body = JSON.stringify(value);
      const headers = { "content-type": "application/json" };
      const response = await desk.send("POST", echo, { headers, body });
      assert.equal(await response.text(), body);
    }),
    { numRuns: 300 },
  );
});

const name = fc.oneof(
  fc.string(),
  fc.string({ unit: fc.constantFrom(".", "a", "0", "/", '"') }),
  fc.constantFrom("regexp", "json", "meta", "length", "size", "then", "toString"),
).filter((name) => !refusedKey.test(JSON.stringify(name)) && !name.includes("\\"));

/** All types that superjson supports, nested. */
const { rich } = fc.letrec<{ rich: unknown }>((tie) => ({
  rich: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(
      fc.string(),
      fc.double(),
      fc.bigInt(),
      fc.boolean(),
      fc.date({ noInvalidDate: true }),
      fc.constantFrom(null, undefined),
      fc.uint8Array({ maxLength: 4 }),
      // superjson cannot represent -0 there
      fc.array(fc.integer(), { maxLength: 4 }).map((items) => new Float64Array(items)),
      fc.webUrl().map((url) => new URL(url)),
    ),
    fc.array(tie("rich"), { maxLength: 4 }),
    fc.dictionary(name, tie("rich"), { maxKeys: 4, noNullPrototype: true }),
    fc.array(tie("rich"), { maxLength: 4 }).map((items) => new Set(items)),
    fc.array(fc.tuple(tie("rich"), tie("rich")), { maxLength: 4 }).map((entries) => new Map(entries)),
  ),
}));

Deno.test("every superjson value comes out of an ask as it went in", async () => {
  await using desk = new Desk();
  await fc.assert(
    fc.asyncProperty(rich, async (value) => {
      const response = await desk.send("POST", echo, {
        headers: { "content-type": superjsonType, accept: superjsonType },
        body: new SuperJSON().stringify(value),
      });
      assert.equal(response.status, 200);
      assert.deepEqual(new SuperJSON().parse(await response.text()), value);
    }),
    { numRuns: 500 },
  );
});

// --- Refused input

const contentType = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom("application/json", superjsonType) },
  fc.constantFrom(
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
    "application/xml",
  ),
  fc.string({ unit: "grapheme-ascii" }).filter((text) => /^[\x20-\x7e]*$/.test(text)),
);

const forbidden = fc.constantFrom("__proto__", "constructor", "prototype");

/** JSON that is truncated, too deeply nested, or has a key that modifies prototypes. */
const hostileText = fc.oneof(
  fc.string(),
  fc.tuple(fc.json(), fc.nat(50)).map(([json, length]) => json.slice(0, length)),
  fc.tuple(fc.constantFrom("[", '{"a":', '{"json":', '[[{"a":'), fc.integer({ min: 1, max: 20_000 }))
    .map(([bracket, depth]) => bracket.repeat(depth)),
  fc.tuple(fc.constantFrom(["[", "]"], ['{"a":', "}"]), fc.integer({ min: 65, max: 5_000 }))
    .map(([[open, close], depth]) => `${open.repeat(depth)}1${close.repeat(depth)}`),
  fc.tuple(forbidden, fc.json(), fc.nat(20)).map(([key, json, depth]) =>
    `${"[".repeat(depth)}{"a":{"${key}":${json}}}${"]".repeat(depth)}`
  ),
);

const hostileBody = fc.oneof(fc.uint8Array({ maxLength: 200 }), hostileText);

/** The targets of a hostile annotation: existing values, missing values, and prototypes. */
const path = fc.array(
  fc.constantFrom(
    "a",
    "b",
    "0",
    "1",
    "",
    "length",
    "size",
    "4294967290",
    "-1",
    "1e9",
    "\\",
    "\\.",
    "__proto__",
    "constructor",
  ),
  { minLength: 1, maxLength: 4 },
).map((segments) => segments.join("."));

const annotationType = fc.oneof(
  fc.constantFrom("undefined", "Date", "bigint", "number", "set", "map", "URL", "regexp", "Error"),
  fc.constantFrom("class", "symbol", "custom", "toString", "constructor", "valueOf"),
  fc.tuple(
    fc.constantFrom("class", "symbol", "custom", "typed-array"),
    fc.constantFrom("Uint8Array", "Float64Array", "BigInt64Array", "Object", "constructor"),
  ),
  fc.jsonValue(),
);

const { annotations } = fc.letrec<{ annotations: unknown }>((tie) => ({
  annotations: fc.oneof(
    { maxDepth: 3 },
    fc.tuple(annotationType),
    fc.tuple(annotationType, fc.dictionary(path, tie("annotations"), { maxKeys: 4 })),
    fc.dictionary(path, tie("annotations"), { maxKeys: 4 }),
    fc.jsonValue(),
  ),
}));

const { plain } = fc.letrec<{ plain: unknown }>((tie) => ({
  plain: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom("/(a+)+$/", "1", "-0", "NaN", "2030-01-01", "https://a.b", 4e9, -1, null, true, []),
    fc.array(tie("plain"), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom("a", "b", "length", "message", "stack"), tie("plain")),
  ),
}));

const hostileSuperjson = fc.record({
  json: plain,
  meta: fc.record({
    v: fc.constantFrom(0, 1, "1", null),
    values: annotations,
    referentialEqualities: fc.oneof(fc.dictionary(path, fc.array(path)), fc.tuple(fc.array(path))),
  }, { requiredKeys: [] }),
}).map((body) => JSON.stringify(body));

const operations = fc.constantFrom(
  "/actors/order/ada/add",
  "/actors/order/ada/total",
  "/actors/order/ada/echo",
  "/actors/order/ada/settle",
  "/events/order/raised",
  "/surveys/carrier/quote",
);

/** A desk with one order, which the following requests must not change. */
async function guarded(use: (desk: Desk) => Promise<void>): Promise<void> {
  await using desk = new Desk();
  await desk.open();
  await desk.post("/actors/order/ada/add", { sku: "tea", cents: 450 });
  const names = sharedNames();
  await use(desk);
  assert.equal(await desk.total("ada"), 450);
  assert.deepEqual(desk.handled, ["add tea"]);
  assert.equal(desk.system.stats().dead, 0);
  assert.equal(sharedNames(), names);
}

Deno.test("no hostile body is a 5xx, or changes anything", () =>
  guarded((desk) =>
    fc.assert(
      fc.asyncProperty(operations, contentType, hostileBody, async (path, type, body) => {
        const response = await desk.send("POST", path, { headers: { "content-type": type }, body });
        await response.body?.cancel();
        assert.ok(response.status < 500, `${response.status}`);
        assert.ok(response.status >= 400 || path === echo, "it was accepted");
      }),
      { numRuns: 1_000 },
    )
  ));

Deno.test("no hostile superjson is a 5xx, or changes anything", () =>
  guarded((desk) =>
    fc.assert(
      fc.asyncProperty(operations, hostileSuperjson, async (path, body) => {
        const headers = { "content-type": superjsonType };
        const response = await desk.send("POST", path, { headers, body });
        await response.body?.cancel();
        assert.ok(response.status < 500, `${response.status}`);
        assert.ok(response.status >= 400 || path === echo, "it was accepted");
      }),
      { numRuns: 1_500 },
    )
  ));

// --- Unknown routes

const segment = fc.oneof(
  fc.constantFrom("actors", "events", "surveys", "replies", "healthz", "metrics"),
  fc.constantFrom("order", "carrier", "vault", "__proto__", "ada", "..", "%2e%2e", "%", "%ff", "%00", ""),
  fc.constantFrom("add", "echo", "count", "settled", "raised", "hidden", "quote", "constructor"),
  fc.string({ unit: "binary" }),
);

const query = fc.array(
  fc.tuple(
    fc.constantFrom("timeoutMs", "max", "subject", "event", "lastEventId", "x"),
    fc.oneof(
      fc.constantFrom("", "0", "-1", "1e99", "9".repeat(30), "*", "de.>", "settled,", "%"),
      fc.string(),
    ),
  ),
  { maxLength: 3 },
).map((pairs) => pairs.map(([name, value]) => `${name}=${value}`).join("&"));

const headers = fc.dictionary(
  fc.constantFrom("idempotency-key", "last-event-id", "accept", "authorization", "content-type", "x-y"),
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) }),
  { noNullPrototype: true },
);

const method = fc.constantFrom("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS");

Deno.test("no path, query, header or method is a 5xx, or changes anything", () =>
  guarded((desk) =>
    fc.assert(
      fc.asyncProperty(
        method,
        fc.array(segment, { maxLength: 5 }),
        query,
        headers,
        async (method, path, query, headers) => {
          const url = `http://desk/${path.join("/")}?${query}`;
          const response = await desk.app.request(new Request(url, { method, headers }));
          await response.body?.cancel();
          assert.ok(response.status < 500, `${response.status}`);
          desk.handled.splice(1); // a count changes nothing
        },
      ),
      { numRuns: 1_500 },
    )
  ));

// --- The same key again

const posting = fc.record({
  key: fc.constantFrom("1", "2", "3"),
  caller: fc.constantFrom("a", "b"),
  actor: fc.constantFrom("ada", "bob"),
  cents: fc.integer({ min: 1, max: 2 }),
});

Deno.test("however often a key comes, its message has one effect", () =>
  fc.assert(
    fc.asyncProperty(fc.array(posting, { maxLength: 30 }), async (postings) => {
      await using desk = new Desk();
      const first = new Map<string, number>();
      const totals: Record<string, number> = { ada: 0, bob: 0 };
      for (const { key, caller, actor, cents } of postings) {
        const message = `${caller} ${actor} ${key}`;
        const expected = (first.get(message) ?? cents) === cents ? 202 : 422;
        if (!first.has(message)) totals[actor] += cents;
        if (!first.has(message)) first.set(message, cents);
        const headers = { authorization: caller, "idempotency-key": key };
        const response = await desk.post(`/actors/order/${actor}/add`, { sku: "tea", cents }, headers);
        assert.equal(response.status, expected);
        await desk.clock.settle();
      }
      for (const [actor, total] of Object.entries(totals)) assert.equal(await desk.total(actor), total);
    }),
    { numRuns: 100 },
  ));

// --- A stream that breaks off

Deno.test("a reader that reconnects gets each event once and in order, or is told of a gap", () =>
  fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.array(fc.record({ published: fc.nat(8), read: fc.nat(8) }), { maxLength: 6 }),
      async (kept, rounds) => {
        await using desk = new Desk({ replayEventsMax: kept });
        let published = 0;
        let lastEventId = "";
        let had = 0; // the last event id that it has
        for (const round of rounds) {
          const reader = new PieceReader(await desk.get(`/events/order/paused?lastEventId=${lastEventId}`));
          assert.equal(await reader.next(), "retry: 2000");
          const gap = lastEventId !== "" && published - had > kept;
          if (gap) { // and resumes from there, also if it reconnects before the next event
            const [event, id, data] = (await reader.next())!.split("\n");
            assert.deepEqual([event, data], ["event: gap", `data: {"lastEventId":"${lastEventId}"}`]);
            lastEventId = id.slice("id: ".length);
            had = published;
          }
          let next = gap || lastEventId === "" ? published : had;
          const fits = Math.min(round.published, kept - (published - next));
          for (let i = 0; i < fits; i++) await desk.system.publish(Order.paused, String(published++));
          await desk.clock.settle();
          for (let left = Math.min(round.read, published - next); left > 0; left--) {
            const frame = (await reader.next())!;
            assert.equal(frame.split("\n")[1], `data: "${next++}"`);
            had = next;
            lastEventId = frame.split("\n")[0].slice("id: ".length);
          }
          await reader.leave();
          for (let i = 0; i < round.published - fits; i++) {
            await desk.system.publish(Order.paused, String(published++));
          }
          await desk.clock.settle();
        }
      },
    ),
    { numRuns: 150 },
  ));
