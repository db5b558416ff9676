// Replies that come with the response to their request, and what becomes of them if it has ended.

import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Parcel } from "@posthorn/posthorn/transport";
import { framesOf } from "../../../../adapters/transports/http/frames.ts";
import { OpenResponses } from "../../../../adapters/transports/http/open_responses.ts";
import { Stage, Taker } from "./stage.ts";

const question = { name: "total", mode: "ask" } as const;
const inbox = { kind: "inbox", protocol: "order", operations: [question] } as const;

function responses() {
  const clock = new VirtualClock();
  return { clock, all: new OpenResponses(clock, seededRandom(7)) };
}

const frame = (text: string) => ({ head: {}, body: new TextEncoder().encode(text) });

async function textsIn(body: ReadableStream<Uint8Array>): Promise<string[]> {
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  return framesOf(bytes, 1_000)!.map((one) => new TextDecoder().decode(one.body));
}

Deno.test("a reply that comes before the answer waits for it, and the response ends with the last one", async () => {
  const { all, clock } = responses();
  const response = all.open("books", 2, undefined);
  assert.ok(all.reply(response.name, frame("one")));
  response.answer({ taken: 2 });
  assert.ok(all.reply(response.name, frame("two")));
  assert.ok(!all.reply(response.name, frame("three")));
  assert.deepEqual(await textsIn(response.body), ["", "one", "two"]);
  assert.deepEqual([all.size, clock.waiting], [0, 0]);
});

Deno.test("a response ends when its time is over, also if nobody knows how many replies come", async () => {
  const { all, clock } = responses();
  const response = all.open("books", undefined, clock.now() + 5_000);
  response.answer({ taken: 1 });
  all.reply(response.name, frame("one"));
  await clock.advance(5_000);
  assert.ok(!all.reply(response.name, frame("two")));
  assert.deepEqual(await textsIn(response.body), ["", "one"]);
  assert.equal(clock.waiting, 0);
});

Deno.test("a response that nobody reads any more, or reads too slowly, is forgotten", async () => {
  const { all, clock } = responses();
  const gone = all.open("books", 5, undefined);
  gone.answer({});
  await gone.body.cancel();
  assert.ok(!all.reply(gone.name, frame("one")));
  const slow = all.open("books", undefined, undefined);
  slow.answer({});
  const large = { head: {}, body: new Uint8Array(20_000_000) };
  assert.deepEqual([1, 2, 3].map(() => all.reply(slow.name, large)), [true, true, false]);
  assert.deepEqual([all.size, clock.waiting], [0, 0]);
});

Deno.test("a service that waits for half of all replies that may be waited for leaves room for others", () => {
  const { all } = responses();
  const open = Array.from({ length: 2_000 }, () => all.open("books", 1, undefined));
  assert.throws(() => all.open("books", 1, undefined), { code: "too-many-requests", status: 429 });
  for (let count = 0; count < 1_000; count++) all.open("mail", 1, undefined);
  assert.throws(() => all.open("mail", 1, undefined), { code: "too-many-requests", status: 429 });
  for (const one of open) one.end();
  all.open("mail", 1, undefined);
  all.end();
  assert.equal(all.size, 0);
});

/** A shop with two processes behind one url, and books that ask. */
async function shopAndBooks() {
  const stage = new Stage();
  const [here, there, replies] = [new Taker(), new Taker(), new Taker()];
  const shop = await stage.open("shop", stage.transport(["books"]));
  const twin = await stage.open("shop", stage.transport(["books"]));
  for (const [connection, taker] of [[shop, here], [twin, there]] as const) connection.receive(inbox, taker);
  const books = await stage.open("books", stage.transport(["shop"]));
  books.receive({ kind: "process" }, replies);
  const ask = (more: Partial<Parcel> = {}) =>
    stage.parcel({ kind: "inbox", protocol: "order", key: "ada", operation: question }, {
      replyTo: { kind: "process" },
      correlationId: "c",
      expiresAtMs: stage.clock.now() + 30_000,
      ...more,
    });
  return {
    stage,
    shop,
    twin,
    books,
    here,
    there,
    replies,
    ask,
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  };
}

Deno.test("a reply finds the process that has asked, whichever process answers, and needs no request", async () => {
  await using world = await shopAndBooks();
  const { stage, shop, twin, books, here, there, replies, ask } = world;
  for (let asked = 0; asked < 4; asked++) {
    await stage.settled(books.send([ask({ correlationId: `c ${asked}` })]));
  }
  assert.equal(here.taken.length + there.taken.length, 4);
  assert.ok(here.taken.length > 0 && there.taken.length > 0);
  const requests = stage.network.requests.length;
  for (const [connection, { taken }] of [[shop, here], [twin, there]] as const) {
    for (const { replyTo, correlationId } of taken) {
      assert.ok(
        connection.sendNow!(stage.parcel({ kind: "reply", address: replyTo! }, { correlationId }), () => {}),
      );
    }
  }
  for (let passed = 0; passed < 20; passed++) await stage.pass(10);
  assert.deepEqual(
    new Set(replies.taken.map(({ correlationId }) => correlationId)),
    new Set(["c 0", "c 1", "c 2", "c 3"]),
  );
  assert.equal(stage.network.requests.length, requests);
});

Deno.test("a reply from another process than the one that has the response goes to the url of who asked", async () => {
  await using world = await shopAndBooks();
  const { stage, shop, twin, books, here, there, replies, ask } = world;
  await stage.settled(books.send([ask()]));
  const [{ replyTo }] = [...here.taken, ...there.taken];
  const other = here.taken.length > 0 ? twin : shop;
  const reply = stage.parcel({ kind: "reply", address: replyTo! }, { correlationId: "c" });
  assert.ok(!other.sendNow!(reply, () => {}));
  assert.deepEqual(await stage.settled(other.send([reply])), [undefined]);
  assert.deepEqual(replies.ids, [reply.id]);
});

Deno.test("an ask is handed over once, and in a tenure in which nothing comes again", async () => {
  await using world = await shopAndBooks();
  const { stage, books, here, there, ask } = world;
  await stage.settled(books.send([ask()]));
  const [{ tenure, again }] = [...here.taken, ...there.taken];
  assert.deepEqual([tenure.once, again], [true, false]);
});

Deno.test("an ask that its receiver rejects is not waited for, on either side", async () => {
  await using stage = new Stage();
  const taker = new Taker();
  const shop = await stage.open("shop", stage.transport(["books"]), undefined);
  shop.receive(inbox, taker);
  const books = await stage.open("books", stage.transport(["shop"]), undefined);
  books.receive({ kind: "process" }, new Taker());
  const to = { kind: "inbox", protocol: "order", key: "ada", operation: question } as const;
  const parcel = stage.parcel(to, {
    replyTo: { kind: "process" },
    correlationId: "c",
    expiresAtMs: stage.clock.now() + 600_000,
  });
  taker.rejects = new Set([parcel.id]);
  const [answer] = await stage.settled(books.send([parcel]));
  assert.equal(answer?.code, "refused");
  for (let passed = 0; passed < 50; passed++) await stage.pass(100);
  assert.equal(stage.clock.waiting, 0);
});

Deno.test("a reply that is too large for who asked is told as such, and loses none of those behind it", async () => {
  await using stage = new Stage();
  const shop = await stage.open("shop", stage.transport(["books"], { messageBytes: 1_000 }));
  const books = await stage.open("books", stage.transport(["shop"], { messageBytes: 100 }));
  const [asked, replied] = [new Taker(), new Taker()];
  shop.receive(inbox, asked);
  books.receive({ kind: "process" }, replied);
  await stage.pass(10);
  const ask = (correlationId: string) =>
    stage.parcel({ kind: "inbox", protocol: "order", key: "ada", operation: question }, {
      correlationId,
      replyTo: { kind: "process" },
      expiresAtMs: stage.clock.now() + 60_000,
    });
  await stage.settled(books.send([ask("one"), ask("two")]));
  const replies = asked.taken.map(({ replyTo, correlationId }, index): Parcel => ({
    ...stage.parcel({ kind: "reply", address: replyTo! }, { correlationId }),
    body: new Uint8Array(index === 0 ? 101 : 100).fill(49),
  }));
  await stage.settled(shop.send(replies));
  for (let waits = 0; replied.taken.length < 2 && waits < 100; waits++) await stage.pass(10);
  const told = replied.taken.map(({ correlationId, contentType, body }) => [
    correlationId,
    contentType,
    contentType === "application/json" ? body.length : JSON.parse(new TextDecoder().decode(body)).code,
  ]);
  assert.deepEqual(told, [
    ["one", "application/problem+json", "too-large"],
    ["two", "application/json", 100],
  ]);
});
