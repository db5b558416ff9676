import assert from "node:assert/strict";
import { hasTable, pagesWithTable, storesTable, tableIn } from "../.ci/stores_table.ts";

const root = new URL("../", import.meta.url);

const pages = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "llms.txt"];
await addPages("docs/");

async function addPages(folder: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, root))) {
    if (isDirectory) await addPages(`${folder}${name}/`);
    else if (name.endsWith(".md")) pages.push(folder + name);
  }
}

for (const name of pages) {
  Deno.test(`${name} links only to what is there`, async () => {
    const page = new URL(name, root);
    for (const [, target] of (await Deno.readTextFile(page)).matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [path, anchor] = target.split("#");
      const found = path === "" ? page : new URL(path, page);
      await assert.doesNotReject(Deno.stat(found), `${name} links to ${target}`);
      if (anchor === undefined) continue;
      const headings = (await Deno.readTextFile(found)).matchAll(/^#+ (.+)$/gm);
      const anchors = Array.from(
        headings,
        ([, text]) => text.toLowerCase().replace(/[^\w -]/g, "").replaceAll(" ", "-"),
      );
      assert.ok(anchors.includes(anchor), `${name} links to ${target}: no such heading`);
    }
  });
}

/** Everything that the repository's code says, with neither comments nor the pages. */
const code = await codeOf(["runtime", "actors", "adapters", "testing", "tests", "examples", "bench", "links"]);
const words = new Set(code.match(/[A-Za-z_]\w*/g));

async function codeOf(folders: readonly string[]): Promise<string> {
  const args = ["ls-files", "-z", "--", "mod.ts", "deno.json", ...folders];
  const listed = await new Deno.Command("git", { args, cwd: root }).output();
  const files = new TextDecoder().decode(listed.stdout).split("\0");
  const texts = files.filter((file) => /(?<!docs_test)\.(tsx?|json)$/.test(file)).map((file) =>
    Deno.readTextFile(new URL(file, root))
  );
  return (await Promise.all(texts)).join("\n").replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/ [^\n]*/g, "");
}

/** What a page shows as code within its text. */
async function spansOf(name: string): Promise<string[]> {
  const text = (await Deno.readTextFile(new URL(name, root))).replaceAll(/^```[^]*?^```$/gm, "");
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
const aboutCode = (name: string) =>
  ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/limits.md", "docs/durable-protocol.md"].includes(name) ||
  name.startsWith("docs/decisions/");

for (const name of pages.filter(aboutCode)) {
  Deno.test(`${name} names only types, functions and options that are there`, async () => {
    for (const span of await spansOf(name)) {
      if (!/^#?[A-Za-z_]\w*(\.\w+)*(\(\))?$/.test(span)) continue;
      for (const word of span.match(/\w+/g)!) {
        const named = /[a-z][A-Z]/.test(word) || /^[A-Z][a-z]/.test(word) || span.includes(".");
        assert.ok(!named || words.has(word) || word in globalThis, `${name}: there is no ${word} (${span})`);
      }
    }
  });
}

Deno.test("the index of decisions has every decision, and each says its context and what was decided", async () => {
  const folder = new URL("docs/decisions/", root);
  const index = await Deno.readTextFile(new URL("README.md", folder));
  const numbers: number[] = [];
  for await (const { name } of Deno.readDir(folder)) {
    if (name === "README.md") continue;
    const [, digits] = /^(\d{4})-[a-z-]+\.md$/.exec(name) ?? assert.fail(name);
    const text = await Deno.readTextFile(new URL(name, folder));
    const [, title] = new RegExp(`^# ${digits}\\. (.+)\n`).exec(text) ?? assert.fail(`${name} has no title`);
    assert.ok(index.includes(`- [${digits}](${name}): ${title}\n`), `the index lacks ${name}: ${title}`);
    assert.deepEqual(text.match(/^## .*/gm)?.slice(0, 2), ["## Context", "## Decision"], name);
    numbers.push(Number(digits));
  }
  assert.deepEqual(numbers.sort((a, b) => a - b), numbers.map((_, at) => at + 1));
});

Deno.test("ARCHITECTURE.md is a map of at most 150 lines", async () => {
  const lines = (await Deno.readTextFile(new URL("ARCHITECTURE.md", root))).split("\n");
  assert.ok(lines.length <= 151, `it has ${lines.length - 1}: move a part of it into docs/`);
});

Deno.test("README begins with what a new user needs: two commands, an actor, its curl line, the modes", async () => {
  const text = await Deno.readTextFile(new URL("README.md", root));
  const { tasks } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const commands = [...text.matchAll(/^npx -y deno@[\d.]+ task (\w+)/gm)].map(([, task]) => task);
  assert.deepEqual(commands, ["demo", "test"]);
  for (const task of commands) assert.ok(task in tasks, `deno.json has no task ${task}`);
  const places = ["task demo", "```ts", "curl ", "**one actor**", "| guarantee"].map((part) =>
    text.indexOf(part)
  );
  assert.deepEqual(places, places.toSorted((a, b) => a - b));
  assert.ok(!places.includes(-1));
});

for (const name of pagesWithTable) {
  Deno.test(`the table of stores in ${name}, where it has one, is what their traits say`, async () => {
    const text = await Deno.readTextFile(new URL(name, root));
    if (!hasTable(text)) return;
    assert.equal(
      tableIn(text),
      storesTable(),
      "write it anew: deno run -A .ci/stores_table.ts && deno fmt README.md docs/stores.md",
    );
  });
}

Deno.test("docs/stores.md has the table of stores", async () => {
  assert.ok(hasTable(await Deno.readTextFile(new URL("docs/stores.md", root))));
});
