import assert from "node:assert/strict";
import { dirname, join } from "node:path/posix";

const root = new URL("../../", import.meta.url);

/** The modules that a file imports with `pattern`, those of the package by their paths in it. */
async function importedBy(path: string, pattern: RegExp): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(path, root));
  const names = [...text.matchAll(pattern)].map(([, name]) => name);
  return names.map((name) => name.startsWith(".") ? join(dirname(path), name) : name);
}

async function* filesOf(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) yield* filesOf(`${folder}${name}/`);
    else if (name.endsWith(".ts")) yield folder + name;
  }
}

Deno.test("whoever uses a virtual clock has loaded all that the runtime imports later", async () => {
  const later = new Set<string>();
  for await (const path of filesOf("runtime/")) {
    for (const name of await importedBy(path, /(?<!typeof )\bimport\("([^"]+)"\)/g)) later.add(name);
  }
  const loaded = await importedBy("testing/lazy_parts.ts", /^import "([^"]+)";$/gm);
  assert.deepEqual(loaded, [...later].sort());
});
