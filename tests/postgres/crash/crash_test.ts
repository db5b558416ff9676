// A short run of `deno task crash:postgres`.

import assert from "node:assert/strict";
import { faultsOf, summaryOf } from "../../brokers/crash/check.ts";
import { postgresTest } from "../given.ts";
import { run } from "./run.ts";

postgresTest(
  "postgres: through kills of three processes, of sessions and of the server, what was accepted has one effect, in order",
  async ({ own }) => {
    const result = await run({ server: await own(), seed: 7, durationMs: 12_000 });
    const shown = `${result.terminated} terminated; ${summaryOf(result)}`;
    assert.deepEqual([...faultsOf(result), ...result.failures], [], shown);
    assert.ok(result.accepted > 100 && result.answered > 10 && result.terminated > 20, shown);
    assert.ok(result.kills >= 6, shown);
  },
);
