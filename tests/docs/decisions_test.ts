// docs/decisions/ has one page for each decision, all in its index and in the same form.

import assert from "node:assert/strict";
import { pageNames, textOf } from "./page.ts";

const folder = "docs/decisions/";
const decisions = (await pageNames()).filter((name) =>
  name.startsWith(folder) && !name.endsWith("README.md")
);

Deno.test("each decision says its context and what was decided, and is in the index", async () => {
  const index = await textOf(`${folder}README.md`);
  const numbers: number[] = [];
  for (const name of decisions) {
    const [file, digits] = /(\d{4})-[a-z-]+\.md$/.exec(name) ?? assert.fail(name);
    const text = await textOf(name);
    const [, title] = new RegExp(`^# ${digits}\\. (.+)\n`).exec(text) ?? assert.fail(`${name} has no title`);
    assert.ok(index.includes(`- [${digits}](${file}): ${title}\n`), `the index lacks ${name}: ${title}`);
    assert.deepEqual(text.match(/^## .*/gm)?.slice(0, 2), ["## Context", "## Decision"], name);
    numbers.push(Number(digits));
  }
  assert.ok(numbers.length > 40);
  assert.deepEqual(numbers, numbers.map((_, at) => at + 1), "decisions are numbered without a gap");
});
