import assert from "node:assert/strict";
import { storesTable, tableIn } from "../.ci/stores_table.ts";

const root = new URL("../", import.meta.url);

for (
  const name of [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/durability.md",
    "docs/deploy.md",
    "docs/schedules.md",
  ]
) {
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

Deno.test("README's table of stores is what their traits say", async () => {
  const text = await Deno.readTextFile(new URL("README.md", root));
  assert.equal(
    tableIn(text),
    storesTable(),
    "write it anew: deno run -A .ci/stores_table.ts && deno fmt README.md",
  );
});
