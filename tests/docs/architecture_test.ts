// ARCHITECTURE.md is a map of the existing folders.

import assert from "node:assert/strict";
import { filesOf, textOf } from "./page.ts";

const map = await textOf("ARCHITECTURE.md");

Deno.test("ARCHITECTURE.md has at most 150 lines", () => {
  const lines = map.trimEnd().split("\n").length;
  assert.ok(lines <= 150, `it has ${lines}: move a part of it into docs/`);
});

Deno.test("ARCHITECTURE.md says of every folder of the product what it contains", async () => {
  const table = map.slice(map.indexOf("## The folders"), map.indexOf("## A guided tour"));
  const shown = [...table.matchAll(/^\| `([\w/]+\/)`/gm)].map(([, folder]) => folder);
  const files = await filesOf("runtime/*.ts", "actors/*.ts", "adapters/*.ts", "testing/*.ts");
  const folders = new Set(files.map((file) => file.slice(0, file.lastIndexOf("/") + 1)));
  assert.ok(folders.size > 15);
  // Folders within an adapter, or within the testing tools, need no entry.
  const isShown = (folder: string) =>
    shown.some((one) => one === folder || (/^(adapters|testing)\//.test(one) && folder.startsWith(one)));
  assert.deepEqual([...folders].filter((folder) => !isShown(folder)), []);
});
