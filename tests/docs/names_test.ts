// Every file, folder, type, function and option that a page names exists.

import assert from "node:assert/strict";
import { filesOf, pageNames, root, textOf } from "./page.ts";

const pages = await pageNames();

/** The inline code of a page. */
async function spansOf(name: string): Promise<string[]> {
  const text = (await textOf(name)).replaceAll(/^```[^]*?^```$/gm, "");
  return Array.from(text.matchAll(/`([^`\n]+)`/g), ([, span]) => span);
}

for (const name of pages) {
  Deno.test(`${name} names only files and folders that are there`, async () => {
    const folders = /^(runtime|actors|adapters|testing|tests|examples|bench|docs|links|\.ci)\/[\w./-]*$/;
    for (const span of await spansOf(name)) {
      if (folders.test(span)) await assert.doesNotReject(Deno.stat(new URL(span, root)), `${name}: ${span}`);
    }
  });
}

/** Pages about the code itself; the others name what belongs to platforms and to other libraries as well. */
const aboutCode = pages.filter((name) =>
  ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/limits.md", "docs/durable-protocol.md"].includes(name) ||
  name.startsWith("docs/decisions/")
);
const files = await filesOf("*.ts", "*.tsx", "*.json");
const words = await wordsOfCode();

/** Every name in the code of the repository. Comments and pages do not count. */
async function wordsOfCode(): Promise<ReadonlySet<string>> {
  const texts = await Promise.all(files.map(textOf));
  return new Set(texts.flatMap((text) => withoutComments(text).match(/[A-Za-z_]\w*/g) ?? []));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/ [^\n]*/g, "");
}

for (const name of aboutCode) {
  Deno.test(`${name} names only files that are somewhere`, async () => {
    for (const span of await spansOf(name)) {
      if (!/^[\w/]+\.tsx?$/.test(span)) continue;
      assert.ok(files.some((file) => `/${file}`.endsWith(`/${span}`)), `${name}: there is no file ${span}`);
    }
  });

  Deno.test(`${name} names only types, functions and options that are there`, async () => {
    for (const span of await spansOf(name)) {
      if (!/^#?[A-Za-z_]\w*(\.\w+)*(\(\))?$/.test(span)) continue;
      for (const word of span.match(/\w+/g)!) {
        const isName = /[a-z][A-Z]/.test(word) || /^[A-Z][a-z]/.test(word) || span.includes(".");
        assert.ok(!isName || words.has(word) || word in globalThis, `${name}: there is no ${word} (${span})`);
      }
    }
  });
}

Deno.test("a name that is not in the code is found", () => {
  assert.ok(words.has("DurableActivation") && !words.has("Durable" + "Activations"));
  assert.ok(aboutCode.length > 40);
});
