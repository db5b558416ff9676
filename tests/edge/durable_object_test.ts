// The store of a Durable Object, in real objects of workerd.

import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { storeConformance } from "@posthorn/posthorn/testing/conformance";
import { missing, start, test, type Worker } from "./workerd.ts";

let worker: Worker;

if (missing === undefined) {
  Deno.test.beforeAll(async () => void (worker = await start("tests/edge/conformance_worker.ts")));
  Deno.test.afterAll(async () => await worker?.[Symbol.asyncDispose]());
}

for (const { name } of storeConformance({ open: () => ({ store: memoryStore() }) })) {
  test(`a Durable Object: ${name}`, async () => {
    const url = new URL("/", worker.url);
    url.searchParams.set("case", name);
    const response = await fetch(url);
    assert.equal(await response.text(), "ok");
  });
}
