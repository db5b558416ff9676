import assert from "node:assert/strict";
import { sectionIn, withOwnSections, withPart, withSection } from "../../bench/splice.ts";

const report = "# Results\n\nfirst\n\n## How it was measured\n\nlast\n";
const durable = "## Durable turns\n\nold\n";
const brokers = "## Over brokers\n\nfast\n";

Deno.test("a section with a program of its own replaces the previous one, and leaves the rest unchanged", () => {
  const once = withSection(report, "Durable turns", durable);
  assert.equal(once, "# Results\n\nfirst\n\n## Durable turns\n\nold\n\n## How it was measured\n\nlast\n");
  const twice = withSection(once, "Durable turns", "## Durable turns\n\nnew\n");
  assert.equal(twice, once.replace("old", "new"));
  assert.equal(withSection(twice, "Durable turns", ""), report);
  assert.equal(sectionIn(twice, "Durable turns").trim(), "## Durable turns\n\nnew");
  assert.equal(
    withSection("# Results\n", "Durable turns", "## Durable turns\n\nnew"),
    "# Results\n\n## Durable turns\n\nnew\n",
  );
});

Deno.test("such sections keep their order, whichever was written first, and go on into the next report", () => {
  const one = withSection(withSection(report, "Durable turns", durable), "Over brokers", brokers);
  const other = withSection(withSection(report, "Over brokers", brokers), "Durable turns", durable);
  assert.equal(one, other);
  assert.equal(one, `# Results\n\nfirst\n\n${durable}\n${brokers}\n## How it was measured\n\nlast\n`);
  assert.equal(withOwnSections(report, one), one);
  assert.equal(withOwnSections(report, report), report);
});

Deno.test("a section of a complete run that is measured by itself replaces the one that is there, or comes behind them", () => {
  const whole = withSection(report, "Durable turns", durable);
  const once = withPart(whole, "Observers", "## Observers\n\nold\n");
  assert.equal(
    once,
    `# Results\n\nfirst\n\n## Observers\n\nold\n\n${durable}\n## How it was measured\n\nlast\n`,
  );
  assert.equal(
    withPart(once, "Observers", "## Observers\n\n$1 new\n"),
    once.replace("Observers\n\nold", "Observers\n\n$$1 new"),
  );
  assert.equal(
    withPart(report, "Observers", "## Observers\n"),
    report.replace("## How", "## Observers\n\n## How"),
  );
});
