import assert from "node:assert/strict";
import { packageFiles } from "../.ci/package.ts";
import { pagesWithTransports, transportsIn, transportsTable } from "../.ci/transports_table.ts";
import { hasTable, pagesWithTable, storesTable, tableIn } from "../.ci/stores_table.ts";

const root = new URL("../", import.meta.url);

const pages = [
  "README.md",
  "ARCHITECTURE.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "bench/README.md",
  "llms.txt",
];
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

Deno.test("pages of docs link only to what is in the package", async () => {
  const files = await packageFiles();
  for (const name of pages.filter((name) => name.startsWith("docs/"))) {
    for (const [, target] of (await Deno.readTextFile(new URL(name, root))).matchAll(/\]\(([^)#]+)/g)) {
      if (/^https?:/.test(target)) continue;
      const path = new URL(target, new URL(name, root)).href.slice(root.href.length);
      assert.ok(files.includes(path), `${name} links to ${path}, which the package does not have`);
    }
  }
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

for (const name of pagesWithTransports) {
  Deno.test(`the table of transports in ${name} is what their traits say`, async () => {
    assert.equal(
      transportsIn(await Deno.readTextFile(new URL(name, root))),
      transportsTable(),
      "write it anew: deno run -A .ci/transports_table.ts && deno fmt README.md docs/brokers.md",
    );
  });
}

Deno.test("docs/stores.md has the table of stores", async () => {
  assert.ok(hasTable(await Deno.readTextFile(new URL("docs/stores.md", root))));
});
