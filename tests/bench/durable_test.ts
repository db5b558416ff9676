// Runs every measurement of durable turns at smoke size and checks its result.

import assert from "node:assert/strict";
import { durableSection } from "../../bench/durable/section.ts";

Deno.test(
  "every measurement of durable turns gives a result at smoke size; BullMQ where it is installed",
  measured,
);

async function measured(): Promise<void> {
  const lines: string[] = [];
  const { markdown, goals } = await durableSection({
    runs: 1,
    size: "smoke",
    progress: (line) => void lines.push(line),
  });
  assert.doesNotMatch(markdown, /no result|Without a result|\bNaN\b|undefined/, lines.join("\n"));
  assert.equal(goals.length, 5);
  for (const { name, figure } of goals) {
    assert.doesNotMatch(`${name} ${figure}`, /no result|\bNaN\b|undefined|Infinity/, lines.join("\n"));
  }
}
