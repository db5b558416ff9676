import assert from "node:assert/strict";
import type { Store } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { assertProblem, Desk } from "./desk.ts";

const add = "/actors/order/ada/add";
const hourMs = 3_600_000;
const nowMs = Date.UTC(2030, 0, 1);

/** An instance whose clock is ahead by this time. */
function start(store: Store, seed: number, aheadMs = 0): Desk {
  return new Desk({ system: { store }, clock: new VirtualClock({ nowMs: nowMs + aheadMs }), seed });
}

function line(sku: string) {
  return { sku, cents: 1 };
}

function placeOf(response: Response): string {
  const place = response.headers.get("posthorn-after");
  assert.match(place ?? "", /^[0-9a-z]{11}$/);
  return place!;
}

/** A position with this timestamp. */
function placeAt(atMs: number): string {
  return (atMs * 1_000).toString(36).padStart(11, "0");
}

/**
 * Sends three lines to three instances with clocks ever further behind, while the actor is kept from running;
 * with `after`, each is to be handled after the one before. Returns the order in which they were handled.
 */
async function handledOrder(after: boolean): Promise<string[]> {
  const store = memoryStore();
  const desks = [start(store, 1, 40_000), start(store, 2, 20_000), start(store, 3)];
  const settled = async () => {
    for (let turn = 0; turn < 5; turn++) for (const desk of desks) await desk.clock.settle();
  };
  for (const desk of desks) { // each has loaded the actor, and knows of no waiting message
    assert.equal((await desk.post("/actors/order/ada/total", "EUR")).status, 200);
  }
  const order: string[] = [];
  // The first instance is busy: messages that it accepts wait in the store. The others would handle those
  // they know of.
  const hanging = desks[0].post("/actors/order/ada/hang");
  await settled();
  let place: string | undefined;
  for (const [index, desk] of desks.entries()) {
    const headers: Record<string, string> = after && place !== undefined ? { "posthorn-after": place } : {};
    const response = await desk.post(add, line(`line ${index}`), headers);
    assert.equal(response.status, 202);
    place = placeOf(response);
    await settled();
  }
  for (const desk of desks) order.push(...desk.handled.filter((text) => text.startsWith("add")));
  await desks[0].open();
  await hanging;
  for (const desk of desks) await desk[Symbol.asyncDispose]();
  return order;
}

Deno.test("a POST that carries the place of another is handled behind it, at an instance whose clock is behind", async () => {
  // The second message is handled where it was accepted, and so the first is in the store, too: whichever
  // instance handles it, it follows the first.
  const order = await handledOrder(true);
  assert.deepEqual(order.slice(0, 3), ["add line 0", "add line 1", "add line 2"]);
});

Deno.test("without a place a message overtakes one that another instance has accepted", async () => {
  assert.notDeepEqual((await handledOrder(false)).slice(0, 2), ["add line 0", "add line 1"]);
});

Deno.test("every 202 of a durable system gives a place, each behind the one before", async () => {
  await using desk = start(memoryStore(), 1);
  const places: string[] = [];
  for (
    const [path, payload] of [
      [add, line("a")],
      ["/actors/order/ada/settle", { cents: 1 }],
      ["/events/order/raised", { country: "de", cents: 1 }],
      [add, line("b")],
    ] as const
  ) places.push(placeOf(await desk.post(path, payload)));
  assert.deepEqual(places, [...new Set(places)].sort());
  const named = await desk.post("/actors/order/eva/echo", 1, { "idempotency-key": "k" });
  assert.ok(placeOf(named) > places.at(-1)!);
});

Deno.test("an ask that carries a place sees what was accepted there, wherever that was", async () => {
  const store = memoryStore();
  await using desk = start(store, 1, 40_000);
  await using other = start(store, 2);
  for (const one of [desk, other]) {
    assert.equal(await (await one.post("/actors/order/ada/total", "EUR")).json(), 0);
  }
  const hanging = desk.post("/actors/order/ada/hang");
  await desk.clock.settle();
  const place = placeOf(await desk.post(add, line("tea")));
  assert.equal(await (await other.post("/actors/order/ada/total", "EUR")).json(), 0);
  const total = await other.post("/actors/order/ada/total", "EUR", { "posthorn-after": place });
  assert.equal(await total.json(), 1);
  await desk.open();
  await hanging;
});

Deno.test("an invalid position is 400, as is one far ahead, and nothing is accepted", async () => {
  await using desk = start(memoryStore(), 1);
  const places = ["x", "0", placeAt(nowMs).toUpperCase(), `${placeAt(nowMs)}0`, "zzzzzzzzzzz"];
  for (const place of [...places, placeAt(nowMs + hourMs + 1)]) {
    for (
      const [path, payload] of [
        [add, line("a")],
        ["/actors/order/ada/count", undefined],
        ["/actors/order/ada/settle", { cents: 1 }],
        ["/events/order/raised", { country: "de", cents: 1 }],
      ] as const
    ) {
      const response = await desk.post(path, payload, { "posthorn-after": place });
      const { detail } = await assertProblem(response, 400, "invalid-after");
      assert.match(detail!, /^Cannot go behind that message: it (must be|is) /);
    }
  }
  assert.deepEqual(desk.handled, []);
});

Deno.test("a position within the next hour is accepted, as are those derived from it, but none beyond the hour", async () => {
  await using desk = start(memoryStore(), 1);
  const ahead = placeAt(nowMs + hourMs);
  const place = placeOf(await desk.post(add, line("a"), { "posthorn-after": ahead }));
  assert.ok(place > ahead);
  assert.equal((await desk.post(add, line("b"), { "posthorn-after": place })).status, 202);
  const further = placeAt(nowMs + hourMs + 60_000);
  await assertProblem(await desk.post(add, line("c"), { "posthorn-after": further }), 400, "invalid-after");
});

Deno.test("a forged position delays only its own message, at its instance and at one whose clock is behind", async () => {
  const store = memoryStore();
  await using desk = start(store, 1, 1_000);
  await using behind = start(store, 2);
  const forged = placeAt(nowMs + 1_000 + hourMs);
  for (const path of ["/actors/order/ada/count", add, "/actors/order/eve/add"]) {
    await desk.post(path, path === "/actors/order/ada/count" ? undefined : line("forged"), {
      "posthorn-after": forged,
    });
    const place = placeOf(await desk.post(add, line("honest")));
    assert.ok(place < placeAt(nowMs + 1_000 + 1), place); // according to its clock
    assert.equal((await behind.post(add, line("then"), { "posthorn-after": place })).status, 202);
    assert.ok(
      placeOf(await desk.post("/actors/order/ada/settle", { cents: 1 })) < placeAt(nowMs + 1_000 + 1),
    );
  }
});

Deno.test("many messages behind one place are all there, in the order in which they came", async () => {
  await using desk = start(memoryStore(), 1);
  const ahead = placeAt(nowMs + 60_000);
  const hanging = desk.post("/actors/order/ada/hang");
  await desk.clock.settle();
  const skus = Array.from({ length: 3 }, (_, index) => `line ${index}`);
  const sent = skus.map((sku) => desk.post(add, line(sku), { "posthorn-after": ahead }));
  for (const response of await Promise.all(sent)) assert.equal(response.status, 202);
  await desk.open();
  await hanging;
  await desk.clock.settle();
  assert.deepEqual(desk.handled.filter((text) => text.startsWith("add")), skus.map((sku) => `add ${sku}`));
});

Deno.test("without a store there are no places, and what a request says of one is not looked at", async () => {
  await using desk = new Desk();
  const response = await desk.post(add, line("a"), { "posthorn-after": "x" });
  assert.deepEqual([response.status, response.headers.get("posthorn-after")], [202, null]);
});
