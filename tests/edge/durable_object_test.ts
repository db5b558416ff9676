// The store of a Durable Object, in real objects of workerd.

import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { FakeObject } from "../adapters/stores/durable_object/fake_object.ts";
import { countedRows } from "./counted_rows.ts";
import { missing, start, test, type Worker } from "./workerd.ts";

let worker: Worker;

if (missing === undefined) {
  Deno.test.beforeAll(async () => void (worker = await start("tests/edge/conformance_worker.ts")));
  Deno.test.afterAll(async () => await worker?.[Symbol.asyncDispose]());
}

for (const { name } of storeConformance({ open: () => ({ store: memoryStore() }) })) {
  test(`a Durable Object: ${name}`, async () => {
    assert.equal(await (await asked(name)).text(), "ok");
  });
}

test("the object of the other tests counts rows as a real one does", async () => {
  using object = new FakeObject();
  assert.deepEqual(await (await asked("counted rows")).json(), countedRows(object.storage));
});

function asked(name: string): Promise<Response> {
  const url = new URL("conformance/", worker.url);
  url.searchParams.set("case", name);
  return fetch(url);
}
