// A short run of `deno task crash http`: services over HTTP need no broker, so it runs everywhere.

import assert from "node:assert/strict";
import { faultsOf, summaryOf } from "./check.ts";
import { HttpFront } from "./http_front.ts";
import { run } from "./run.ts";

Deno.test("through kills of two services over HTTP, and of what is in front of them, what was accepted has one effect, in order", async () => {
  await using front = new HttpFront();
  await front.start();
  const result = await run({
    broker: front,
    seed: 7,
    durationMs: 5_000,
    killEachMs: 1_000,
    brokerKills: 1,
    repeatsMs: 2_000,
  });
  assert.deepEqual([...faultsOf(result), ...result.failures], [], summaryOf(result));
  assert.ok(result.accepted > 100 && result.answered > 10, summaryOf(result));
  assert.ok(result.kills >= 3);
});
