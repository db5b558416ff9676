// Requests that nobody may send, or that are broken: none of them has an effect, and none says a secret.

import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { httpTransport } from "@posthorn/posthorn/http-transport";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Hono } from "hono";
import { Order, order } from "../../../runtime/remote/services.ts";
import { BodyRoom } from "../../../../adapters/transports/http/body_room.ts";
import { keys } from "./network.ts";
import { signed, type SignedOptions } from "./signed.ts";

const inbox = "https://shop.test/posthorn/inbox/order";
const otherKeys = [{ id: "books-2", secret: "books-2-books-2-books-2-books-2-books-2" }];
const seconds = 1_700_000_000;

/** A shop that knows two services, of which one has keys of its own. */
async function shop(stored = true) {
  const clock = new VirtualClock({ nowMs: seconds * 1_000 });
  const transport = httpTransport({
    services: { books: {}, mail: { keys: otherKeys } },
    keys: [...keys, { id: "old", secret: "old-old-old-old-old-old-old-old-old" }],
    expose: [Order.add, Order.lines],
    messageBytes: 1_000,
  });
  const app = new Hono().route("/posthorn", transport.routes());
  const system = new System({
    name: "shop",
    actors: [order()],
    ...stored && { store: memoryStore() },
    transport,
    clock,
    log: false,
  });
  const ready = system.ready();
  await clock.advance(10);
  await ready;
  const send = async (options: SignedOptions = {}, url = inbox) => {
    const response = await app.fetch(signed(url, options));
    const text = await response.text();
    for (const { secret } of [...keys, ...otherKeys]) {
      assert.ok(!text.includes(secret), "an answer has no secret");
    }
    const { code } = response.status === 200 ? { code: "" } : JSON.parse(text);
    return { status: response.status, code, text };
  };
  /** The lines of orders, when all is done that was begun. */
  const lines = async (key = "ada") => {
    const asking = system.ref(Order, key).ask(Order.lines);
    await clock.advance(100);
    return await asking;
  };
  return { system, clock, app, send, lines, [Symbol.asyncDispose]: () => system[Symbol.asyncDispose]() };
}

const refusals: Readonly<Record<string, readonly [options: SignedOptions, status: number, code: string]>> = {
  "a request that another key has signed": [
    { key: { id: keys[0].id, secret: "another-another-another-another-12" } },
    401,
    "bad-signature",
  ],
  "a request with a key that nobody knows": [
    { key: { id: "none", secret: keys[0].secret } },
    401,
    "bad-signature",
  ],
  "a request of a service that is not named": [{ from: "stranger" }, 401, "bad-signature"],
  "a request in the name of a service with keys of its own": [{ from: "mail" }, 401, "bad-signature"],
  "a request that is meant for another service": [{ to: "billing" }, 421, "another-service"],
  "a request whose target was changed on the way": [
    { to: "billing", sent: { headers: { "posthorn-to": "shop" } } },
    401,
    "bad-signature",
  ],
  "a request whose sender was changed on the way": [
    { sent: { headers: { "posthorn-from": "mail" } } },
    401,
    "bad-signature",
  ],
  "a request whose body was changed on the way": [
    { sent: { body: '{"id":"m-1","key":"ada","operation":"add","length":5}\n"rum"\n' } },
    401,
    "bad-signature",
  ],
  "a request whose path was changed on the way": [
    { sent: { url: "https://shop.test/posthorn/replies" } },
    401,
    "bad-signature",
  ],
  "a request that was signed long ago": [{ created: seconds - 120 }, 401, "bad-signature"],
  "a request of the future": [{ created: seconds + 120 }, 401, "bad-signature"],
  "a request that is valid for a year": [{ expires: seconds + 31_536_000 }, 401, "bad-signature"],
  "a request that ends before it begins": [{ created: seconds, expires: seconds - 1 }, 401, "bad-signature"],
  "a request whose signature does not cover the body": [
    { components: ["@method", "@path", "posthorn-from", "posthorn-to"] },
    401,
    "bad-signature",
  ],
  "a request whose signature covers the path twice": [
    { components: ["@method", "@path", "@path", "posthorn-from", "posthorn-to"] },
    401,
    "bad-signature",
  ],
  "a request without a signature": [
    { sent: { headers: { signature: "", "signature-input": "" } } },
    401,
    "bad-signature",
  ],
  "a request with another algorithm": [
    {
      sent: {
        headers: { "signature-input": `sig1=("@method");created=1;alg="none";keyid="test";nonce="n"` },
      },
    },
    401,
    "bad-signature",
  ],
  "a request that names another algorithm than the one that has signed it": [
    { algorithm: "hmac-sha512" },
    401,
    "bad-signature",
  ],
  "a request with a thousand signatures": [
    {
      sent: {
        headers: { signature: Array.from({ length: 1_000 }, (_, index) => `s${index}=:AAAA:`).join(", ") },
      },
    },
    401,
    "bad-signature",
  ],
  "a request whose list of what is signed never ends": [
    { sent: { headers: { "signature-input": `sig1=(${'"@path" '.repeat(1_000)}` } } },
    401,
    "bad-signature",
  ],
  "a body that ends within a message": [
    { body: '{"id":"m-1","key":"ada","operation":"add","length":500}\n"tea"\n' },
    400,
    "unreadable-body",
  ],
  "a body that is no line of JSON": [{ body: "<html>\n" }, 400, "unreadable-body"],
  "a body with a negative length": [{ body: '{"length":-5}\n"tea"\n' }, 400, "unreadable-body"],
  "a body with a length beyond all numbers": [{ body: '{"length":1e308}\n"tea"\n' }, 400, "unreadable-body"],
  "a body with deep brackets": [{ body: `${"[".repeat(200_000)}\n` }, 400, "unreadable-body"],
  "a body with a text that is no UTF-8": [
    {
      body: Uint8Array.of(
        ...new TextEncoder().encode('{"id":"m-1","operation":"add","key":"'),
        0xff,
        34,
        125,
        10,
      ),
    },
    400,
    "unreadable-body",
  ],
  "a body of more messages than may come at once": [{ body: "{}\n".repeat(10_001) }, 413, "too-large"],
  "a body of ten million bytes": [{ body: "x".repeat(10_000_000) }, 413, "too-large"],
};

for (const [what, [options, status, code]] of Object.entries(refusals)) {
  Deno.test(`${what} is refused, and has no effect`, async () => {
    await using world = await shop();
    const got = await world.send(options);
    assert.deepEqual([got.status, got.code], [status, code], got.text);
    assert.deepEqual(await world.lines(), []);
    assert.equal(
      (await world.send({ nonce: "later", created: seconds })).status,
      200,
      "the next one is served",
    );
    assert.deepEqual(await world.lines(), ["tea"]);
  });
}

Deno.test("a body that does not come is not waited for, and holds nothing", async () => {
  await using world = await shop();
  const { app, clock, send } = world;
  let left = 0;
  /** A request whose body never ends, and its answer. */
  const stall = async (nonce: string) => {
    const { promise: isRead, resolve: pull } = Promise.withResolvers<void>();
    const stream = { pull: () => pull(), cancel: () => void left++ };
    const body = new ReadableStream(stream, { highWaterMark: 0 });
    const answering = Promise.resolve(app.fetch(new Request(signed(inbox, { nonce }), { body })));
    await isRead;
    return { answering };
  };
  const { answering } = await stall("slow");
  await clock.advance(14_999);
  assert.equal(left, 0);
  await clock.advance(1);
  const response = await answering;
  assert.deepEqual([response.status, (await response.json()).code, left], [408, "incomplete-body", 1]);
  assert.equal((await send({ nonce: "later" })).status, 200);
  const stopped = await stall("stopped");
  await world.system.stop();
  assert.deepEqual([(await stopped.answering).status, left, clock.waiting], [503, 2, 0]);
});

Deno.test("bodies leave room for others: of one service, and when they are over", async () => {
  assert.ok(new BodyRoom(38_797_312).take("books", 38_797_312), "the largest request that there may be");
  const room = new BodyRoom(1_000);
  const bytes = 4_194_304;
  let count = 0;
  while (room.take("books", bytes)) count++;
  assert.deepEqual([count, room.size], [8, 33_554_432]);
  assert.ok(room.take("mail", bytes));
  room.give("books", bytes);
  assert.ok(room.take("mail", bytes));
  for (const [service, held] of [["books", 7], ["mail", 2]] as const) room.give(service, held * bytes);
  assert.equal(room.size, 0);
  await using world = await shop();
  for (let number = 0; number < 15; number++) { // more than fit at once
    const { code } = await world.send({ nonce: `n-${number}`, body: "x".repeat(5_000_000) });
    assert.equal(code, "unreadable-body");
  }
});

Deno.test("a request is accepted once, and again when it was signed anew", async () => {
  for (const stored of [true, false]) {
    await using world = await shop(stored);
    assert.equal((await world.send()).status, 200);
    assert.deepEqual((await world.send()).code, "replayed");
    assert.deepEqual(await world.lines(), ["tea"]);
    assert.equal((await world.send({ nonce: "nonce-2" })).status, 200);
    assert.deepEqual(await world.lines(), ["tea"], "the same message in another request is a repeat");
  }
});

Deno.test("a replayed request is refused until its time is over, and then because of that", async () => {
  await using world = await shop();
  await world.send();
  await world.clock.advance(59_000);
  assert.equal((await world.send()).code, "replayed");
  await world.clock.advance(2_000);
  assert.equal((await world.send()).code, "bad-signature");
});

Deno.test("each of the keys of a service verifies: so keys are changed without a pause", async () => {
  await using world = await shop();
  const old = { id: "old", secret: "old-old-old-old-old-old-old-old-old" };
  assert.equal((await world.send({ key: old })).status, 200);
  assert.equal((await world.send({ nonce: "n2" })).status, 200);
  assert.equal((await world.send({ from: "mail", key: otherKeys[0], nonce: "n3" })).status, 200);
  assert.equal((await world.send({ from: "books", key: otherKeys[0], nonce: "n4" })).status, 401);
});

Deno.test("what one message has wrong is told, and stops nothing that is beside it", async () => {
  await using world = await shop();
  const body = [
    '{"id":"1","key":"ada","operation":"add","length":5}\n"tea"\n',
    '{"id":"2","key":"ada","operation":"add","headers":{"posthorn-sender":"mail/x/y"},"length":5}\n"rum"\n',
    `{"id":"3","key":"ada","operation":"add","length":1001}\n"${"x".repeat(999)}"\n`,
    '{"id":4,"key":"ada","operation":"add","length":5}\n"gin"\n',
    '{"id":"5","key":"ada","operation":"add","headers":{"__proto__":"x","A":1},"length":5}\n"gin"\n',
    '{"id":"6","key":"ada","operation":"add","expiresAtMs":"soon","length":5}\n"gin"\n',
    '{"id":"7","key":"ada","operation":"add","length":6}\n"cake"\n',
  ].join("");
  const { status, text } = await world.send({ body });
  assert.equal(status, 200);
  const { taken, refused } = JSON.parse(text);
  assert.equal(taken, 7);
  assert.deepEqual(
    Object.entries(refused as Record<string, { code: string }>).map(([index, { code }]) => [index, code]),
    [["1", "refused"], ["2", "too-large"], ["3", "refused"], ["4", "refused"], ["5", "refused"]],
  );
  assert.deepEqual(await world.lines(), ["tea", "cake"]);
});

Deno.test("a message may have any of a thousand keys, and one that is no key is a dead letter", async () => {
  await using world = await shop();
  const heads = Array.from(
    { length: 1_000 },
    (_, index) => `{"id":"k${index}","key":"k${index}","operation":"add","length":5}\n"tea"\n`,
  );
  const { text } = await world.send({
    body: [...heads, `{"id":"x","key":"${"x".repeat(3_000)}","operation":"add","length":5}\n"tea"\n`].join(
      "",
    ),
  });
  assert.deepEqual(JSON.parse(text).taken, 1_001);
  assert.deepEqual(await world.lines("k999"), ["tea"]);
  assert.equal(world.system.deadLetters.list().length, 1);
});

Deno.test("only what is exposed exists, and a channel that nobody reads is told", async () => {
  await using world = await shop();
  const settle = '{"id":"m","key":"ada","operation":"settle","length":1}\n5\n';
  assert.equal((await world.send({ body: settle })).status, 200);
  assert.deepEqual(world.system.deadLetters.list().map(({ reason }) => reason), ["unknown-operation"]);
  for (const path of ["inbox/ledger", "event/order.settled", "process/another", "inbox/constructor"]) {
    const { status, code } = await world.send({ nonce: path }, `https://shop.test/posthorn/${path}`);
    assert.deepEqual([status, code], [404, "no-receiver"], path);
  }
  for (const method of ["PUT", "DELETE"]) {
    assert.equal((await world.send({ method, nonce: method })).code, "unknown-path");
  }
  assert.equal((await world.send({}, "https://shop.test/posthorn/inbox/%2e%2e")).code, "unknown-path");
});

Deno.test("a service says what it reads to those that it knows, and its store to nobody else", async () => {
  await using world = await shop();
  const url = "https://shop.test/posthorn";
  const { text } = await world.send({ method: "GET" }, url);
  const said = JSON.parse(text);
  assert.ok(said.channels.includes("inbox/order") && said.channels.includes("replies"), text);
  assert.equal(said.store, undefined);
  assert.equal((await world.send({ method: "GET", from: "stranger", nonce: "n2" }, url)).status, 401);
});

Deno.test("a reply is sent to no url of a stranger: an address that is none is left out", async () => {
  await using world = await shop();
  const addresses = [
    "https://evil.test/x",
    "replies/../x",
    "inbox/Bad-Name/x",
    "process/",
    "process/a/b/c",
    "//evil.test",
  ];
  for (const [index, replyTo] of addresses.entries()) {
    const head = JSON.stringify({
      id: `a${index}`,
      key: "ada",
      operation: "lines",
      replyTo,
      correlationId: "c",
    });
    assert.equal((await world.send({ body: `${head}\n`, nonce: replyTo })).status, 200);
  }
  await world.clock.advance(1_000);
  assert.equal(world.system.health.transport?.waiting, 0);
});
