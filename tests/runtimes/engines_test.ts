import assert from "node:assert/strict";
import { engines } from "../../.ci/pack.ts";
import { root } from "../../.ci/package.ts";
import { runtimes } from "./runtime.ts";

Deno.test("the oldest runtimes that the package names are those that the tests run on", async () => {
  const gate = await Deno.readTextFile(new URL(".ci/run", root));
  const tested: Readonly<Record<string, string>> = {
    bun: runtimes.bun.version,
    deno: /npx -y deno@([\d.]+) test/.exec(gate)![1],
    node: runtimes["node 22"].version,
  };
  for (const [name, range] of Object.entries(engines)) {
    const oldest = range.replace(">=", "");
    assert.ok(`${tested[name]}.`.startsWith(`${oldest}.`), `${name} ${range}, and ${tested[name]} is tested`);
  }
});

Deno.test("the page of stores names the versions that the tests run on", async () => {
  const page = await Deno.readTextFile(new URL("docs/stores.md", root));
  for (const { name, version } of Object.values(runtimes)) {
    assert.ok(page.includes(version), `docs/stores.md does not say ${version} of ${name}`);
  }
});
