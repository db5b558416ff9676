// Runs every measurement of Posthorn and of bare SQL on PostgreSQL at smoke size and checks its result. Queues of others
// are left out, since they would have to be installed: `deno task bench:durable --part postgres --size smoke` runs them.

import assert from "node:assert/strict";
import { postgresSection } from "../../bench/durable/postgres/section.ts";
import { postgresTest } from "../postgres/given.ts";

postgresTest("every measurement on PostgreSQL gives a result at smoke size", async ({ url }) => {
  const lines: string[] = [];
  const progress = (line: string) => void lines.push(line);
  const { markdown, goals } = await postgresSection({ runs: 1, size: "smoke", url, progress });
  assert.doesNotMatch(markdown, /no result|Without a result|\bNaN\b|undefined/, lines.join("\n"));
  assert.equal(goals.length, 6);
  for (const { name, figure } of goals) {
    assert.doesNotMatch(`${name} ${figure}`, /no result|\bNaN\b|undefined|Infinity/, lines.join("\n"));
  }
});
