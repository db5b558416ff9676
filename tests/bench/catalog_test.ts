import assert from "node:assert/strict";
import { javaScriptCandidates, javaScriptIds } from "../../bench/catalog.ts";
import { workloads } from "../../bench/workloads.ts";

Deno.test("the catalog lists every file of bench/contenders", async () => {
  const folder = new URL("../../bench/contenders/", import.meta.url);
  const files = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name);
  assert.deepEqual(files.toSorted(), javaScriptIds.map((id) => `${id}.ts`).toSorted());
});

// Some of the libraries start a timer when they are imported.
const options = { sanitizeOps: false, sanitizeResources: false };

Deno.test("every contender has a name, and runs only workloads that exist", options, async () => {
  const candidates = await javaScriptCandidates();
  const known = workloads.map(({ id }) => id);
  assert.equal(new Set(candidates.map(({ label }) => label)).size, candidates.length);
  for (const { id, form, kind, version, workloads: own, divisors } of candidates) {
    assert.ok(form.length > 20, `${id} does not say why its form is fair`);
    for (const workload of [...own, ...Object.keys(divisors)]) assert.ok(known.includes(workload), workload);
    if (kind === "peer") assert.match(version, / \d+\.\d+/, `${id} imports no package`);
  }
});
