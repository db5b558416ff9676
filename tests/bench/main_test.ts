import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { workloads } from "../../bench/workloads.ts";

const root = new URL("../../", import.meta.url);

Deno.test("bench/RESULTS.md is of a full run, and has the workloads that there are", async () => {
  const text = await Deno.readTextFile(new URL("bench/RESULTS.md", root));
  const titles = [...text.matchAll(/^### (.+)\n\n(.+)$/gm)].map(([, title, definition]) => ({
    title,
    definition,
  }));
  const expected = workloads.map(({ title, definition, size }) => ({
    title,
    definition: `${definition} Size: ${size.toLocaleString("en-US")}.`,
  }));
  assert.deepEqual(
    titles.filter(({ title }) => expected.some((workload) => workload.title === title)),
    expected,
  );
  assert.ok(text.includes("## Goals"));
});

Deno.test("bench/main.ts measures, and writes a report and a chart", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { code, stderr } = await run(
      ..."--size smoke --runs 1 --only count --contenders posthorn,bare --out".split(" "),
      folder,
    );
    assert.equal(code, 0, stderr);
    const report = await Deno.readTextFile(`${folder}/RESULTS.md`);
    assert.match(report, /\| \*\*Posthorn\*\* \|/);
    assert.match(await Deno.readTextFile(`${folder}/results.svg`), /^<svg /);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("bench/main.ts says what is wrong with the command line", async () => {
  const { code, stderr } = await run("--runs", "none");
  assert.equal(code, 2);
  assert.match(stderr, /--runs is a whole number from 1, not none[^]*--contenders/);
});

async function run(...args: string[]): Promise<{ readonly code: number; readonly stderr: string }> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", fileURLToPath(new URL("bench/main.ts", root)), ...args],
    stdin: "null",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}
