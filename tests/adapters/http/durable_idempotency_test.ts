import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { assertProblem, Carrier, Desk, letGo } from "./desk.ts";

const key = { "idempotency-key": '"k"' };

/** A desk on a store; each start has its own seed. */
let seed = 0;
function start(store = memoryStore(), clock?: Desk["clock"]): Desk {
  return new Desk({ system: { store }, clock, seed: ++seed });
}

/** A response as its client sees it, except for its time. */
async function said(response: Response): Promise<unknown[]> {
  const { status, headers } = response;
  return [status, await response.text(), headers.get("location"), headers.get("posthorn-after")];
}

const sends = [
  { what: "tell", path: "/actors/order/ada/add", payload: { sku: "tea", cents: 450 }, status: 202 },
  { what: "ask", path: "/actors/order/ada/echo", payload: { a: [1] }, status: 200 },
  { what: "submit", path: "/actors/order/ada/settle", payload: { cents: 450 }, status: 202 },
  { what: "publish", path: "/events/order/raised", payload: { country: "de", cents: 450 }, status: 202 },
];

for (const { what, path, payload, status } of sends) {
  Deno.test(`an Idempotency-Key of a ${what} is answered as the first was, also after a restart and elsewhere`, async () => {
    const store = memoryStore();
    const first: unknown[] = [];
    const handled: string[] = [];
    {
      await using desk = start(store);
      first.push(...await said(await desk.post(path, payload, key)));
      assert.equal(first[0], status);
      assert.deepEqual(await said(await desk.post(path, payload, key)), first);
      await desk.open();
      await desk.clock.settle();
      handled.push(...desk.handled);
    }
    await using again = start(store);
    await using other = start(store, again.clock);
    for (const desk of [again, other]) {
      assert.deepEqual(await said(await desk.post(path, payload, key)), first);
      await desk.open();
      await desk.clock.settle();
    }
    assert.deepEqual([...handled, ...again.handled, ...other.handled].length <= 1, true);
  });

  Deno.test(`an Idempotency-Key of a ${what} with another payload is 422, also after a restart`, async () => {
    const store = memoryStore();
    const others: Record<string, unknown> = { echo: 1, add: { sku: "tea", cents: 451 } };
    const other = others[path.split("/").at(-1)!] ?? { country: "de", cents: 451 };
    {
      await using desk = start(store);
      assert.equal((await desk.post(path, payload, key)).status, status);
      await assertProblem(await desk.post(path, other, key), 422, "id-reused");
    }
    await using desk = start(store);
    await assertProblem(await desk.post(path, other, key), 422, "id-reused");
  });
}

Deno.test("an Idempotency-Key is its caller's, its receiver's and its operation's own", async () => {
  await using desk = start();
  const add = { sku: "tea", cents: 1 };
  const as = (who: string) => ({ ...key, authorization: who });
  for (
    const [path, payload, headers] of [
      ["/actors/order/ada/add", add, key],
      ["/actors/order/ada/add", { ...add, cents: 2 }, as("bob")],
      ["/actors/order/ada/add", { ...add, cents: 3 }, as("eve")],
      ["/actors/order/eva/add", { ...add, cents: 4 }, key],
    ] as const
  ) assert.equal((await desk.post(path, payload, headers)).status, 202);
  assert.equal((await desk.post("/actors/order/ada/echo", 7, key)).status, 200);
  assert.deepEqual([await desk.total("ada"), await desk.total("eva")], [6, 4]);
});

Deno.test("a repeat of an ask that is still running is 409, from any instance, and then the first answer", async () => {
  const store = memoryStore();
  await using desk = start(store);
  await using other = start(store, desk.clock);
  const first = desk.post("/actors/order/ada/hang", undefined, key);
  await desk.clock.settle();
  for (const { post } of [desk, other].map((one) => ({ post: one.post.bind(one) }))) {
    const problem = await assertProblem(
      await post("/actors/order/ada/hang", undefined, key),
      409,
      "still-running",
    );
    assert.equal(problem.title, "Conflict");
  }
  await desk.open();
  assert.equal((await first).status, 200);
  for (const one of [desk, other]) {
    const response = await one.post("/actors/order/ada/hang", undefined, key);
    assert.deepEqual([response.status, await response.json()], [200, null]);
  }
});

Deno.test("an ask that timed out gives its answer to a repeat, once there is one", async () => {
  await using desk = start();
  const first = desk.post("/actors/order/ada/hang?timeoutMs=100", undefined, key);
  await desk.clock.advance(100);
  await assertProblem(await first, 504, "deadline");
  await assertProblem(await desk.post("/actors/order/ada/hang", undefined, key), 409, "still-running");
  await desk.open();
  await desk.clock.settle();
  assert.equal((await desk.post("/actors/order/ada/hang", undefined, key)).status, 200);
});

Deno.test("a failure is answered again as well, and its handler runs once", async () => {
  const store = memoryStore();
  for (let turn = 0; turn < 2; turn++) {
    await using desk = start(store);
    for (let repeat = 0; repeat < 2; repeat++) {
      await assertProblem(await desk.post("/actors/order/ada/refuse", "sold out", key), 422, "sold-out");
    }
  }
});

Deno.test("a crash of an ask with a key is told at once, and again, without a second attempt", async () => {
  const errors: unknown[] = [];
  const store = memoryStore();
  await using desk = new Desk({ system: { store }, seed: ++seed, onError: (error) => errors.push(error) });
  for (let repeat = 0; repeat < 2; repeat++) {
    await assertProblem(await desk.post("/actors/order/ada/crash", "db down", key), 500, "failed");
  }
  assert.equal(desk.system.deadLetters.size, 1);
});

Deno.test("a repeat finds its answer when there is no room for anything new", async () => {
  await using desk = start();
  const path = "/actors/order/ada/settle";
  const first = await said(await desk.post(path, { cents: 1 }, key));
  await desk.clock.settle();
  for (let sent = 0; sent < 8; sent++) await desk.post(path, { cents: sent });
  await assertProblem(await desk.post(path, { cents: 9 }), 429, "mailbox-full");
  await assertProblem(await desk.post(path, { cents: 9 }, { "idempotency-key": "new" }), 429, "mailbox-full");
  assert.deepEqual(await said(await desk.post(path, { cents: 1 }, key)), first);
  await assertProblem(await desk.post(path, { cents: 9 }, key), 422, "id-reused");
});

Deno.test("a key is free again when its window is over", async () => {
  await using desk = new Desk({
    system: { store: memoryStore(), deduplicationWindowMs: 60_000 },
    seed: ++seed,
  });
  const path = "/actors/order/ada/add";
  assert.equal((await desk.post(path, { sku: "tea", cents: 1 }, key)).status, 202);
  await desk.clock.advance(60_001);
  assert.equal((await desk.post(path, { sku: "tea", cents: 2 }, key)).status, 202);
  assert.equal(await desk.total("ada"), 3);
});

Deno.test("an ask whose answer is no longer kept is not run again, and says so", async () => {
  const store = memoryStore();
  await using desk = new Desk({ system: { store, replyRetentionMs: 1_000 }, seed: ++seed });
  assert.equal((await desk.post("/actors/order/ada/count", undefined, key)).status, 200);
  await desk.clock.advance(1_001);
  await assertProblem(await desk.post("/actors/order/ada/count", undefined, key), 410, "expired-reply");
  await letGo(store, "reply");
  await assertProblem(await desk.post("/actors/order/ada/count", undefined, key), 410, "expired-reply");
  assert.deepEqual(desk.handled, ["count"]);
});

Deno.test("a repeated survey has the replies of the first, and asks no respondent again", async () => {
  await using desk = start();
  desk.system.subscribe(Carrier.quote, desk.system.ref(Carrier, "dhl").at(Carrier.quote));
  let asked = 0;
  using _asked = desk.system.subscribe(Carrier.quote, () => void asked++);
  await desk.clock.settle();
  const ask = async () =>
    await (await desk.post("/surveys/carrier/quote?max=1&timeoutMs=100", { grams: 5 }, key)).text();
  const first = ask();
  await desk.clock.advance(100);
  assert.match(await first, /"cents":8.*\n.*"done":"max"/);
  assert.equal(await ask(), await first);
  assert.equal(asked, 1);
});
