// Code on a page runs: as an example, or because an executed file contains it.

import assert from "node:assert/strict";
import { blocksOf, filesOf, pageNames, textOf } from "./page.ts";

Deno.test("each block of code that does not run by itself is a part of an example that does", async () => {
  const examples = await Promise.all((await filesOf("examples/*.ts")).map(textOf));
  assert.ok(examples.length > 10);
  for (const name of await pageNames()) {
    for (const block of blocksOf(await textOf(name), "tsx? ignore")) {
      const code = block.replace(/^\/\/ \S+\.ts\n/, "");
      assert.ok(examples.some((text) => text.includes(code)), `${name} shows what no example has:\n${block}`);
    }
  }
});
