import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);

for (const page of ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"]) {
  Deno.test(`${page} links only to what is there`, async () => {
    const text = await Deno.readTextFile(new URL(page, root));
    for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      await assert.doesNotReject(Deno.stat(new URL(target, root)), `${page} links to ${target}`);
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
