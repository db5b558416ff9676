import assert from "node:assert/strict";
import { packageConfig, packageFiles } from "../.ci/publish.ts";

const root = new URL("../", import.meta.url);

Deno.test("the package has neither stand-ins, tests, benches nor examples", async () => {
  const files = await packageFiles();
  assert.ok(files.includes("mod.ts") && files.includes("runtime/runtime.ts"));
  assert.deepEqual(files.filter((file) => /^(links|tests|bench|examples|\.ci)\//.test(file)), []);
});

Deno.test("the package has only what git tracks", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const run = (...args: string[]) => new Deno.Command("git", { args, cwd: folder }).output();
    await Deno.mkdir(`${folder}/runtime`);
    for (const file of ["mod.ts", "runtime/tracked.ts", "runtime/stray.ts"]) {
      await Deno.writeTextFile(`${folder}/${file}`, "export {};\n");
    }
    await run("init");
    await run("add", "mod.ts", "runtime/tracked.ts");
    assert.deepEqual(await packageFiles(new URL(`file://${folder}/`)), ["mod.ts", "runtime/tracked.ts"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the package's deno.json has the imports that its modules use, and no tasks", async () => {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  const files = (await packageFiles()).filter((file) => file.endsWith(".ts"));
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(new URL(file, root))));
  const { imports, tasks, links } = packageConfig(config, texts) as Record<string, Record<string, string>>;
  for (const name of ["hono", "superjson", "@std/async", "@std/ulid", "@standard-schema/spec"]) {
    assert.ok(name in imports, name);
  }
  for (const name of ["comedy", "moleculer", "effect", "fast-check", "miniflare"]) {
    assert.ok(!(name in imports), name);
  }
  assert.equal(tasks, undefined);
  assert.equal(links, undefined);
});
