// docs/durable-protocol.md shows the actual rules, scenes and keys.

import assert from "node:assert/strict";
import { pageOfRules, rules, withSeeds } from "../../.ci/rules_table.ts";
import { sceneNames } from "../simulation/scenes.ts";
import { textOf } from "./page.ts";

const page = await textOf(pageOfRules);

Deno.test("the protocol's page has every rule of the simulation, with the seeds that it takes", () => {
  assert.equal(withSeeds(page), page, "write it again: deno run -A .ci/rules_table.ts && deno fmt docs");
});

Deno.test("the protocol's page words each rule as the simulation does", () => {
  for (const { name, says } of rules) {
    const [, shown] = new RegExp(`^\\| (.+?) +\\| \`${name}\``, "m").exec(page)!;
    assert.equal(shown, says[0].toUpperCase() + says.slice(1));
  }
});

Deno.test("a rule that the protocol's page does not show is an error, and so is one that does not exist", () => {
  const [line] = /^.*`record-check`.*\n/m.exec(page)!;
  assert.throws(() => withSeeds(page.replace(line, "")), /does not show the rules record-check/);
  assert.throws(
    () => withSeeds(page.replace("`record-check`", "`record-guess`")),
    /record-guess, which does/,
  );
});

Deno.test("the protocol's page has every scene of the simulation", () => {
  const shown = [...page.matchAll(/^\| `([a-z]+)` +\| [a-z]/gm)].map(([, name]) => name);
  assert.deepEqual(sceneNames.filter((name) => !shown.includes(name)), []);
});

Deno.test("the protocol's page has every kind of row", async () => {
  const keys = await textOf("runtime/durable/rows/keys.ts");
  const kinds = new Set([...keys.matchAll(/\bkeyOf\(\s*"([a-z]+)"/g)].map(([, kind]) => kind));
  assert.ok(kinds.size > 10);
  const table = page.slice(page.indexOf("## The keys"), page.indexOf("## The life"));
  const shown = new Set([...table.matchAll(/^\| `([a-z]+)`/gm)].map(([, kind]) => kind));
  assert.deepEqual([...kinds].sort(), [...shown].sort());
});
