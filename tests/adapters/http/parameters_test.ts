import assert from "node:assert/strict";
import { type Context, Hono } from "hono";
import { idempotencyKey, integerParameter, preferredWaitSeconds } from "../../../adapters/http/parameters.ts";

/** The result of `read` for a request, or the message of its error. */
async function found(
  read: (context: Context) => unknown,
  query: string,
  headers: Record<string, string> = {},
) {
  const app = new Hono();
  app.get("/", (context) => context.json({ found: read(context) }));
  app.onError((error, context) => context.json({ found: error.message }));
  return (await (await app.request(`/${query}`, { headers })).json()).found;
}

const count = (query: string) => found((context) => integerParameter(context, "n", 100), query);
const wait = (prefer: string) => found(preferredWaitSeconds, "", { prefer });
const key = (header: string) => found(idempotencyKey, "", { "idempotency-key": header });

Deno.test("integerParameter() is undefined if the parameter is absent", async () => {
  assert.equal(await count("?m=1"), undefined);
});

Deno.test("integerParameter() reads a whole number of at least 1, and cuts it to the most", async () => {
  assert.equal(await count("?n=1"), 1);
  assert.equal(await count("?n=100"), 100);
  assert.equal(await count("?n=101"), 100);
  assert.equal(await count("?n=999999999999999"), 100);
});

for (const text of ["", "0", "-1", "1.5", "1e3", "0x10", "Infinity", "NaN", "ten", "1".repeat(400)]) {
  Deno.test(`integerParameter() refuses ${JSON.stringify(text.slice(0, 10))} and says what it wants`, async () => {
    const message = await count(`?n=${text}`);
    assert.match(message, /^The query parameter n must be a whole number of at least 1: current value is "/);
    assert.ok(message.length < 200);
  });
}

Deno.test("preferredWaitSeconds() finds the wait among other preferences", async () => {
  for (const prefer of ["wait=7", "respond-async, wait=7", "WAIT = 7", 'wait="7"', "foo;bar, wait=7; x"]) {
    assert.equal(await wait(prefer), 7, prefer);
  }
});

Deno.test("preferredWaitSeconds() takes no other preference for a wait", async () => {
  for (const prefer of ["respond-async", "nowait=7", "wait", "wait=soon"]) {
    assert.equal(await wait(prefer), undefined, prefer);
  }
});

Deno.test("idempotencyKey() takes the key quoted or bare", async () => {
  assert.equal(await key('"a b"'), "a b");
  assert.equal(await key(" a-1 "), "a-1");
  assert.equal(await key('""'), "");
  assert.equal(await key("a;b=1"), "a;b=1");
});

Deno.test("idempotencyKey() is the text of the item, whatever parameters it has", async () => {
  assert.equal(await key('"a";v=1'), "a");
  assert.equal(await key('"a" ; v=1; w="x;y"'), "a");
  assert.equal(await key('"a\\"b\\\\c"'), 'a"b\\c');
});

Deno.test("idempotencyKey() refuses what begins as quoted text and is none", async () => {
  for (const header of ['"', '"a', '"a"b', '"a", "b"', '"a\\b"', '"a\\"']) {
    assert.match(await key(header), /begins with a quote and is not a quoted string/, header);
  }
});

Deno.test("idempotencyKey() is nothing without the header", async () => {
  assert.equal(await found(idempotencyKey, ""), undefined);
});
