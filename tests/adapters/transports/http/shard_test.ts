// Batches that come again, because their answers were lost, or late, or because another process has read.

import assert from "node:assert/strict";
import { PosthornError } from "@posthorn/posthorn";
import { codeOf, orders, Stage, Taker } from "./stage.ts";

async function shopAndBooks(store: string | undefined = "shop") {
  const stage = new Stage();
  const taker = new Taker();
  const shop = await stage.open("shop", stage.transport(["books"]), store);
  shop.receive(orders, taker);
  const books = await stage.open("books", stage.transport(["shop"]));
  return { stage, taker, shop, books, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
}

Deno.test("what comes again because its answer was lost is not handed over again", async () => {
  await using world = await shopAndBooks();
  const { stage, taker, books } = world;
  let lost = 0;
  stage.network.way = async (request, next) => {
    const response = await next(request);
    if (request.method !== "POST" || lost++ > 0) return response;
    await response.body?.cancel();
    throw new TypeError("connection reset");
  };
  const parcels = [stage.parcel(), stage.parcel(), stage.parcel()];
  assert.equal(await stage.settled(codeOf(books.send(parcels.slice(0, 2)))), "transport-unavailable");
  await stage.settled(books.send(parcels));
  assert.deepEqual(taker.ids, parcels.map(({ id }) => id));
  assert.equal(taker.batches, 2);
});

Deno.test("what was accepted is not handed over again, although what is behind it was not", async () => {
  await using world = await shopAndBooks(undefined);
  const { stage, taker, books } = world;
  const parcels = [stage.parcel(), stage.parcel(), stage.parcel()];
  await stage.settled(books.send(parcels.slice(0, 2)));
  taker.failures.push(new Error("not now"), new Error("not now"));
  for (let sent = 0; sent < 2; sent++) {
    assert.equal(await stage.settled(codeOf(books.send(parcels))), "transport-unavailable");
  }
  await stage.settled(books.send(parcels));
  assert.deepEqual(taker.ids, parcels.map(({ id }) => id));
  assert.deepEqual(
    taker.taken.map(({ again }) => again),
    [true, true, true],
    "the first of a tenure may come again",
  );
});

Deno.test("what was rejected is told again if the answer that told it was lost", async () => {
  await using world = await shopAndBooks(undefined);
  const { stage, taker, books } = world;
  let lost = 0;
  stage.network.way = async (request, next) => {
    const response = await next(request);
    if (request.method !== "POST" || lost++ > 0) return response;
    await response.body?.cancel();
    throw new TypeError("connection reset");
  };
  const parcels = [stage.parcel(), stage.parcel(), stage.parcel(), stage.parcel()];
  taker.rejects = new Set([parcels[1].id, parcels[3].id]);
  assert.equal(await stage.settled(codeOf(books.send(parcels.slice(0, 3)))), "transport-unavailable");
  const answers = await stage.settled(books.send(parcels));
  assert.deepEqual(answers.map((answer) => answer?.code), [undefined, "refused", undefined, "refused"]);
  assert.deepEqual(taker.ids, [parcels[0].id, parcels[2].id]);
  const rest = await stage.settled(books.send(parcels.slice(1)));
  assert.deepEqual(rest.map((answer) => answer?.code), ["refused", undefined, "refused"]);
});

Deno.test("a batch that takes long is answered after 20 s with what to do, and goes on", async () => {
  await using world = await shopAndBooks(undefined);
  const { stage, taker, books } = world;
  const { promise, resolve } = Promise.withResolvers<void>();
  taker.held = promise;
  const parcel = stage.parcel();
  let sent = 0;
  const sending = (async () => {
    for (;;) {
      sent++;
      const answers = await books.send([parcel]).catch(() => undefined);
      if (answers !== undefined) return answers;
      await new Promise<void>((again) => void stage.clock.setTimer(1_000, again));
    }
  })();
  for (let passed = 0; passed < 600; passed++) await stage.pass(100);
  assert.ok(sent > 2, "its sender has asked again");
  assert.equal(taker.tenures.length, 1);
  assert.ok(!taker.tenures[0].signal.aborted, "the tenure goes on");
  resolve();
  assert.deepEqual(await stage.settled(sending), [undefined]);
  assert.deepEqual(taker.ids, [parcel.id]);
  assert.equal(taker.batches, 1);
});

Deno.test("a batch that another process has overtaken is handed over again at once, in another tenure", async () => {
  await using world = await shopAndBooks();
  const { stage, taker, books } = world;
  taker.failures.push(new PosthornError("another-reader", "another process reads it now"));
  const parcel = stage.parcel();
  assert.deepEqual(await stage.settled(books.send([parcel])), [undefined]);
  assert.deepEqual([taker.ids, taker.tenures.length], [[parcel.id], 2]);
  assert.ok(taker.tenures[0].signal.aborted && taker.taken[0].again);
  assert.equal(stage.network.requests.filter((line) => line.startsWith("POST")).length, 1);
});

Deno.test("a tenure ends a second after the last batch, and no timer is left", async () => {
  await using world = await shopAndBooks();
  const { stage, taker, books } = world;
  await stage.settled(books.send([stage.parcel()]));
  await stage.settled(books.send([stage.parcel()]));
  assert.equal(taker.tenures.length, 1);
  assert.ok(!taker.tenures[0].signal.aborted);
  await stage.pass(1_000);
  await stage.pass(1_000);
  assert.ok(taker.tenures[0].signal.aborted);
  assert.equal(stage.clock.waiting, 0, "an object without work can sleep");
});

Deno.test("one service that sends too much at once is told, and another one is served", async () => {
  await using stage = new Stage();
  const taker = new Taker();
  const { promise, resolve } = Promise.withResolvers<void>();
  taker.held = promise;
  const shop = await stage.open("shop", stage.transport(["books", "mail"]));
  shop.receive(orders, taker);
  const senders = await Promise.all(
    Array.from({ length: 12 }, () => stage.open("books", stage.transport(["shop"]))),
  );
  const codes: string[] = [];
  for (const sender of senders) void codeOf(sender.send([stage.parcel()])).then((code) => codes.push(code));
  for (let passed = 0; passed < 20; passed++) await stage.pass(10);
  assert.deepEqual(codes, ["transport-full", "transport-full", "transport-full"]);
  const mail = await stage.open("mail", stage.transport(["shop"]));
  taker.held = Promise.resolve();
  assert.deepEqual(await stage.settled(mail.send([stage.parcel()])), [undefined]);
  resolve();
  for (let passed = 0; passed < 20; passed++) await stage.pass(10);
  assert.deepEqual(codes.slice(3), Array(9).fill("none"));
});
