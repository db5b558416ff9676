// The guide shows the files of examples/shop/, and its commands give the output that it shows.

import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { printedOutside } from "../../examples/shop/outside.ts";
import { openShop, shop } from "../../examples/shop/shop.ts";
import { blocksOf, root, textOf } from "./page.ts";

const guide = await textOf("docs/guide.md");

/** The parts of each file of the shop that the guide shows. */
const shown = Map.groupBy(
  blocksOf(guide, "ts ignore").map((block) => /^\/\/ (\S+)\n([^]*)$/.exec(block) ?? assert.fail(block)),
  ([, file]) => file,
);

for (const [file, parts] of shown) {
  Deno.test(`the guide shows what is in examples/shop/${file}`, async () => {
    const text = await textOf(`examples/shop/${file}`);
    for (const [, , part] of parts) assert.ok(text.includes(part), `examples/shop/${file} has no\n${part}`);
  });
}

Deno.test("the guide shows every file of the shop, and all but its tests whole", async () => {
  const ofOtherPages = ["backup.ts"];
  for await (const { name } of Deno.readDir(new URL("examples/shop/", root))) {
    if (ofOtherPages.includes(name)) continue;
    const [first] = shown.get(name) ?? assert.fail(`the guide does not show ${name}`);
    if (!name.endsWith("_test.ts")) assert.equal(first[2], await textOf(`examples/shop/${name}`), name);
  }
});

Deno.test("the guide's curl lines answer as it says", async () => {
  const clock = new VirtualClock();
  await using system = await openShop(printedOutside(() => {}), { clock, log: false });
  const app = shop(system, "secret");
  const [commands] = blocksOf(guide, "sh curl");
  const steps = commands.split(/^(?=curl )/m).map((step) => step.split("\n").filter((line) => line !== ""));
  assert.ok(steps.length > 1);
  for (const [command, ...answer] of steps) {
    const { path, init } = requestOf(command);
    const text = (await (await app.request(path, init)).text()).trim();
    const lines = text.split("\n").map((line) => `# ${line.replace(/"id":"[^"]+"/, '"id":"…"')}`);
    assert.deepEqual(lines, answer, command);
    await clock.settle();
  }
});

interface Sent {
  method?: string;
  body?: string;
  readonly headers: Record<string, string>;
}

/** The request that a line of curl sends. */
function requestOf(command: string): { readonly path: string; readonly init: Sent } {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare);
  assert.equal(words.shift(), "curl");
  const init: Sent = { headers: {} };
  let path: string | undefined;
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === "-X") init.method = words.shift()!;
    else if (word === "-H") {
      const [, name, value] = /^([^:]+): (.*)$/.exec(words.shift()!) ?? assert.fail(command);
      init.headers[name] = value;
    } else if (word === "--json") {
      init.method = "POST";
      init.body = words.shift()!;
      init.headers["content-type"] = "application/json";
    } else path = word.replace(/^localhost:8000/, "");
  }
  return { path: path ?? assert.fail(command), init };
}
