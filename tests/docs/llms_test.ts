import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import * as testing from "@posthorn/posthorn/testing";
import { blocksOf, root, textOf } from "./page.ts";

const map = await textOf("llms.txt");

Deno.test("llms.txt shows the API that docs/README.md shows, whose code runs", async () => {
  const [shown] = blocksOf(map, "ts");
  assert.deepEqual(blocksOf(await textOf("docs/README.md"), "ts"), [shown]);
});

Deno.test("llms.txt and docs/README.md name every member of a system, and everything for tests", async () => {
  const members = Object.getOwnPropertyNames(System.prototype).filter((name) => name !== "constructor");
  const values = Object.keys(testing);
  assert.ok(members.length > 20 && values.length > 5);
  for (const page of [map, await textOf("docs/README.md")]) {
    const [, ofSystem, ofTesting] = /A `System` has ([^]*?)\.\sFor\stests,([^]*?)(?:\n\n|\s*$)/.exec(page) ??
      assert.fail();
    const namesIn = (text: string) => Array.from(text.matchAll(/`(\w+)(?:\(\))?`/g), ([, name]) => name);
    assert.deepEqual(namesIn(ofSystem).sort(), members.sort());
    for (const name of values) assert.ok(namesIn(ofTesting).includes(name), `there is no word of ${name}`);
  }
});

Deno.test("llms.txt and docs/README.md lead to every page of docs", async () => {
  const index = await textOf("docs/README.md");
  for await (const { name } of Deno.readDir(new URL("docs/", root))) {
    if (!name.endsWith(".md") || name === "README.md") continue;
    assert.ok(map.includes(`](docs/${name})`), `llms.txt does not link to docs/${name}`);
    assert.ok(index.includes(`](${name})`), `docs/README.md does not link to ${name}`);
  }
});

Deno.test("llms.txt names the entries of the package", async () => {
  const { name, exports } = JSON.parse(await textOf("deno.json"));
  for (const entry of Object.keys(exports)) {
    const specifier = `${name}${entry.slice(1)}`;
    assert.ok(map.includes(`\`${specifier}\``), `llms.txt does not name ${specifier}`);
  }
});

Deno.test("llms.txt takes at most 16 KiB", () => {
  assert.ok(new TextEncoder().encode(map).length <= 16_384);
});
