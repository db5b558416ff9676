// A Durable Object in workerd sleeps while all that waits is due later: the platform takes it out of memory.

import assert from "node:assert/strict";
import { missing, start, test, type Worker } from "./workerd.ts";

/** An object that may sleep does so when nobody has spoken to it for ten seconds. */
const idleMs = 14_000;

let worker: Worker;

if (missing === undefined) {
  Deno.test.beforeAll(async () => void (worker = await start("tests/edge/costs_worker.ts")));
  Deno.test.afterAll(async () => await worker?.[Symbol.asyncDispose]());
}

test("an object in which a schedule waits sleeps, and goes on where it was", async () => {
  await post("actors/order/1/add", { sku: "tea", cents: 450 });
  await post("actors/order/1/hold", { forMs: 3_600_000 });
  await post("actors/order/1/settle");
  await post("events/order/arrived", { order: "1", city: "berlin" });
  await post("actors/carrier/coach/open");
  assert.equal(await post("actors/order/1/total?timeoutMs=60000"), 450);
  const { rows } = await written();
  assert.ok(rows > 0);
  let after = rows;
  for (let nights = 0; nights < 3 && after > 0; nights++) {
    await new Promise((resolve) => setTimeout(resolve, idleMs)); // it would not sleep if somebody asked
    ({ rows: after } = await written());
  }
  assert.equal(after, 0, "it is another process, which has written nothing");
  assert.equal(await post("actors/order/1/total"), 450);
});

async function post(path: string, payload?: unknown): Promise<unknown> {
  const response = await fetch(new URL(`shop/${path}`, worker.url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(payload),
  });
  return await response.json();
}

async function written(): Promise<{ readonly rows: number }> {
  return await (await fetch(new URL("shop/written", worker.url))).json();
}
