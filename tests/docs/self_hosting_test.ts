import assert from "node:assert/strict";
import { blocksOf, textOf } from "./page.ts";

const page = await textOf("docs/self-hosting.md");

Deno.test("the code of the shop on docs/self-hosting.md is in its files", async () => {
  const files = await Promise.all(["main", "backup"].map((name) => textOf(`examples/shop/${name}.ts`)));
  const blocks = blocksOf(page, "ts ignore");
  assert.equal(blocks.length, files.length);
  for (const block of blocks) assert.ok(files.some((text) => text.includes(block)), block);
});

Deno.test("the programs for Node and Bun on docs/self-hosting.md are those that the tests run there", async () => {
  const [onNode, onBun] = await Promise.all(
    ["node", "bun"].map((name) => textOf(`examples/runtimes/${name}.js`)),
  );
  const blocks = blocksOf(page, "js ignore");
  assert.deepEqual([blocks.length, blocks[0]], [2, onNode]);
  assert.ok(onBun.includes(blocks[1]), blocks[1]);
});

Deno.test("the unit file and the Dockerfile start the shop as the command does that is tried", () => {
  const flagsOf = (text: string) =>
    text.replace(/[\\",[\]]+\s|\\\n/g, " ").split(/[\s"[\]]+/).filter((word) =>
      /^--(allow|no-prompt)/.test(word)
    );
  const [command] = blocksOf(page, "sh");
  const [unit] = blocksOf(page, "ini");
  const [dockerfile] = blocksOf(page, "dockerfile");
  const starts = dockerfile.split("\n").filter((line) => line.startsWith("CMD "));
  const inside = flagsOf(command).map((flag) => flag.replace("127.0.0.1:8000", "0.0.0.0:8000"));
  assert.ok(flagsOf(command).length > 0);
  assert.deepEqual(flagsOf(unit), flagsOf(command));
  assert.deepEqual(flagsOf(starts.join("\n")), inside);
});
