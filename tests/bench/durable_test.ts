// Runs every measurement of durable turns at smoke size and checks its result.

import assert from "node:assert/strict";
import { durableSection } from "../../bench/durable/section.ts";
import { durableIn, withDurable } from "../../bench/durable/splice.ts";

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

Deno.test("the section on durable turns replaces the previous one, and leaves the rest unchanged", () => {
  const report = "# Results\n\nfirst\n\n## How it was measured\n\nlast\n";
  const once = withDurable(report, "## Durable turns\n\nold\n");
  assert.equal(once, "# Results\n\nfirst\n\n## Durable turns\n\nold\n\n## How it was measured\n\nlast\n");
  const twice = withDurable(once, "## Durable turns\n\nnew\n");
  assert.equal(twice, once.replace("old", "new"));
  assert.equal(withDurable(twice, ""), report);
  assert.equal(durableIn(twice).trim(), "## Durable turns\n\nnew");
  assert.equal(
    withDurable("# Results\n", "## Durable turns\n\nnew"),
    "# Results\n\n## Durable turns\n\nnew\n",
  );
});
