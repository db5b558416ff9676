// ?afterMs= and ?at=: tells and submits of outsiders that are due later.

import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { assertProblem, Desk, type DeskOptions } from "./desk.ts";

const line = { sku: "tea", cents: 450 };
const ada = "/actors/order/ada";

for (
  const [where, options] of [["in memory", {}], ["with a store", {
    system: { store: memoryStore() },
  }]] as const
) {
  Deno.test(`a delayed tell is 202 at once, and takes effect when it is due, ${where}`, async () => {
    await using desk = new Desk(options as DeskOptions);
    await desk.system.ready();
    const at = new Date(desk.clock.now() + 60_000).toISOString();
    for (const query of ["afterMs=60000", `at=${at}`, `at=${at.replace("Z", "+00:00")}`]) {
      const response = await desk.post(`${ada}/add?${query}`, line);
      assert.equal(response.status, 202, query);
      assert.equal(response.headers.get("posthorn-after"), null);
    }
    assert.equal(await desk.total("ada"), 0);
    await desk.clock.advance(59_999);
    assert.equal(await desk.total("ada"), 0);
    await desk.clock.advance(1);
    await desk.clock.settle();
    assert.equal(await desk.total("ada"), 1_350);
  });
}

Deno.test("a delayed submit is pending until it is due, and a repeat of its key gets the same reply", async () => {
  await using desk = new Desk();
  const send = () => desk.post(`${ada}/settle?afterMs=5000`, { cents: 1 }, { "idempotency-key": "a" });
  const [first, second] = [await send(), await send()];
  assert.deepEqual([first.status, second.status], [202, 202]);
  const location = first.headers.get("location")!;
  assert.equal(second.headers.get("location"), location);
  assert.equal((await desk.app.request(location)).status, 202);
  desk.open();
  await desk.clock.advance(5_000);
  await desk.clock.settle();
  assert.equal((await desk.app.request(location)).status, 200);
});

Deno.test("a delay that is no time, or too long, is 400, and nothing is accepted", async () => {
  await using desk = new Desk({ delayMsMax: 1_000 });
  const later = new Date(desk.clock.now() + 1_001).toISOString();
  for (
    const query of [
      "afterMs=",
      "afterMs=-1",
      "afterMs=1.5",
      "afterMs=1e3",
      "afterMs=1001",
      "afterMs=Infinity",
      "at=",
      "at=tomorrow",
      "at=2030-01-31",
      "at=2030-01-31T02:00:00",
      "at=2030-13-31T02:00:00Z",
      "at=2030-02-30T02:00:00Z",
      "at=5",
      `at=${later}`,
      "afterMs=1&at=2000-01-01T00:00:00Z",
    ]
  ) {
    const response = await desk.post(`${ada}/add?${query}`, line);
    await assertProblem(response, 400, "invalid-parameter");
  }
  assert.equal(desk.system.stats().delayed, 0);
});

Deno.test("an ask, an event and a survey cannot be delayed", async () => {
  await using desk = new Desk();
  const bodies = {
    "/actors/order/ada/total": "EUR",
    "/events/order/raised": { country: "de", cents: 1 },
    "/surveys/carrier/quote": { grams: 5 },
  };
  for (const [path, body] of Object.entries(bodies)) {
    const problem = await assertProblem(await desk.post(`${path}?afterMs=5`, body), 400, "invalid-parameter");
    assert.match(problem.detail!, /only a tell or a submit can be delayed/);
  }
});

Deno.test("too many delayed messages are 429", async () => {
  await using desk = new Desk({ system: { limits: { delayed: 2 } } });
  const send = () => desk.post(`${ada}/add?afterMs=5000`, line);
  assert.equal((await send()).status, 202);
  await assertProblem(await send(), 429, "too-many-delayed"); // one is left for other callers
});
