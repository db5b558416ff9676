import assert from "node:assert/strict";
import { blocksOf, textOf } from "./page.ts";

Deno.test("docs/deploy.md shows the entry for Deno Deploy as it is", async () => {
  const entry = await textOf("examples/deploy/main.ts");
  assert.deepEqual(blocksOf(await textOf("docs/deploy.md"), "ts ignore"), [`// main.ts\n${entry}`]);
});
