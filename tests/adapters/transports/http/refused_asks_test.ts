// An ask that a service refused before it took it is sent again, as long as somebody waits.

import assert from "node:assert/strict";
import type { Parcel } from "@posthorn/posthorn/transport";
import { codeOf, orders, Stage, Taker } from "./stage.ts";

/** Books that ask a shop, which refuses so many requests with an answer and then takes what comes. */
async function asking(refusal: () => Response, times: number) {
  const stage = new Stage();
  const taker = new Taker();
  const shop = await stage.open("shop", stage.transport(["books"]));
  shop.receive(orders, taker);
  const books = await stage.open("books", stage.transport(["shop"]));
  await stage.settled(books.send([stage.parcel()])); // it knows now who has the inbox
  let refused = 0;
  const sentMs: number[] = [];
  stage.network.way = (request, next) => {
    sentMs.push(stage.clock.monotonicMs());
    return refused++ < times ? refusal() : next(request);
  };
  const ask = (forMs: number): Parcel =>
    stage.parcel(stage.to(), {
      replyTo: { kind: "process" },
      expiresAtMs: stage.clock.now() + forMs,
    });
  return { stage, taker, books, ask, sentMs, [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose]() };
}

const refusals: Readonly<Record<string, readonly [refusal: () => Response, afterMs: number]>> = {
  "too many requests": [() => problem(429, "too-many-requests", "1"), 1_000],
  "a process that stops": [() => problem(503, "stopping"), 200],
  "a server in front that says when to come again": [() => problem(503, "", "2"), 2_000],
};

function problem(status: number, code: string, retryAfter?: string): Response {
  return new Response(JSON.stringify({ code }), {
    status,
    headers: { "content-type": "application/problem+json", ...retryAfter && { "retry-after": retryAfter } },
  });
}

for (const [what, [refusal, afterMs]] of Object.entries(refusals)) {
  Deno.test(`an ask that is refused by ${what} is sent again after a while, and taken once`, async () => {
    await using world = await asking(refusal, 2);
    const { stage, taker, books, ask, sentMs } = world;
    const parcel = ask(10_000);
    const failures: unknown[] = [];
    assert.equal(books.sendNow!(parcel, (failure) => failures.push(failure)), true);
    await stage.pass(1);
    for (let waited = 0; waited < 10_000; waited += 50) await stage.pass(50);
    assert.deepEqual(taker.ids.slice(1), [parcel.id]);
    assert.deepEqual(failures, []);
    assert.equal(sentMs.length, 3);
    for (const index of [1, 2]) {
      const pausedMs = sentMs[index] - sentMs[index - 1];
      assert.ok(pausedMs >= afterMs, `after ${pausedMs} ms`);
    }
  });
}

Deno.test("an ask is not sent again when nobody would wait any more, and the pause ends with the connection", async () => {
  await using world = await asking(refusals["too many requests"][0], Infinity);
  const { stage, books, ask, sentMs } = world;
  const sending = codeOf(books.send([ask(2_500)]));
  assert.equal(await stage.settled(sending), "transport-full");
  assert.equal(sentMs.length, 3);
  await stage.pass(3_000);
  const pausing = codeOf(books.send([ask(20_000)]));
  await stage.pass(50);
  await books.close();
  assert.equal(await stage.settled(pausing), "transport-closed");
  assert.equal(stage.clock.waiting, 0);
});

Deno.test("an ask of which a service may have taken something is not sent again", async () => {
  await using world = await asking(() => problem(503, "unavailable"), Infinity);
  const { stage, books, ask, sentMs } = world;
  assert.equal(await stage.settled(codeOf(books.send([ask(10_000)]))), "transport-unavailable");
  assert.equal(sentMs.length, 1);
});

Deno.test("asks that wait to be sent again count as under way: so many are sent without waiting", async () => {
  await using world = await asking(refusals["too many requests"][0], Infinity);
  const { stage, books, ask } = world;
  for (let sent = 0; sent < 64; sent++) assert.equal(books.sendNow!(ask(20_000), () => {}), true);
  await stage.pass(100);
  assert.equal(books.sendNow!(ask(20_000), () => {}), false);
});
