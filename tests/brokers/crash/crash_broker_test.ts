// Short runs of `deno task crash`.

import assert from "node:assert/strict";
import { brokerKinds, isBrokerName } from "../brokers.ts";
import { brokerTest } from "../given.ts";
import { faultsOf, summaryOf } from "./check.ts";
import { paceOf, run } from "./run.ts";

for (const name of Object.keys(brokerKinds).filter(isBrokerName)) {
  brokerTest(
    name,
    `through kills of two services and of ${name}, what was accepted has one effect, in order`,
    async ({ own }) => {
      const broker = await own();
      const pace = paceOf(name, true);
      const result = await run({ broker, seed: 7, durationMs: 20_000, ...pace });
      assert.deepEqual([...faultsOf(result), ...result.failures], [], summaryOf(result));
      assert.ok(result.accepted > 100 && result.answered > 10, summaryOf(result));
      assert.ok(result.kills >= 2);
    },
  );
}
