import assert from "node:assert/strict";
import {
  fileOf,
  importedBy,
  modulesOf,
  packageConfig,
  packageFiles,
  packagePictures,
  packageTexts,
  rootConfig,
  withoutDeadLinks,
} from "../.ci/package.ts";

Deno.test("the package has neither stand-ins, tests, benches nor examples, and has the pages", async () => {
  const files = await packageFiles();
  assert.ok(files.includes("mod.ts") && files.includes("runtime/runtime.ts"));
  for (const page of ["README.md", "llms.txt", "docs/README.md", "bench/results.svg"]) {
    assert.ok(files.includes(page), page);
  }
  assert.deepEqual(files.filter((file) => /^(links|tests|bench|examples|\.ci)\/.*\.tsx?$/.test(file)), []);
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
  const config = packageConfig(await rootConfig(), modulesOf(await packageTexts()));
  assert.deepEqual(
    Object.keys(config.imports as object).toSorted(),
    [
      "@nats-io/nats-core",
      "@opentelemetry/api",
      "@standard-schema/spec",
      "@std/async",
      "@std/ulid",
      "croner",
      "hono",
      "kafkajs",
      "pg",
      "rabbitmq-client",
      "superjson",
    ],
  );
  assert.deepEqual(Object.keys(config).toSorted(), [
    "compilerOptions",
    "exports",
    "imports",
    "license",
    "name",
    "version",
  ]);
});

Deno.test("imports are distinguished from those of examples in comments", () => {
  const code = `
    /**
     * import * as z from "zod";
     */
    import { Hono } from "hono"; // import "comedy"
    import type { Spec } from "@standard-schema/spec";
    import {
      nothing,
    } from "@std/async/abortable";
    const { SuperJSON } = await import("superjson");
    import { own } from "./own.ts";
    import assert from "node:assert";
  `;
  assert.deepEqual(importedBy(code), ["hono", "@standard-schema/spec", "@std/async/abortable", "superjson"]);
});

Deno.test("every link of a published page leads to a published file", async () => {
  const texts = await packageTexts();
  const files = [...texts.keys(), ...(await packagePictures()).keys()];
  let links = 0;
  for (const [page, text] of texts) {
    if (!/\.(md|txt)$/.test(page)) continue;
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const file = fileOf(target.split("#")[0], page);
      if (file === undefined || file === "") continue;
      links++;
      assert.ok(
        files.some((one) => one === file || one.startsWith(`${file}/`)),
        `${page} links to ${target}, which is not published`,
      );
    }
  }
  assert.ok(links > 20);
});

Deno.test("a link to what is not published becomes its words", () => {
  const page =
    "[a](tests/a_test.ts), [b](docs/b.md#c), ![chart](bench/results.svg), [d](https://d.example), [e](#e)";
  assert.equal(
    withoutDeadLinks(page, "README.md", ["docs/b.md", "bench/results.svg"]),
    page.replace("[a](tests/a_test.ts)", "a"),
  );
  assert.equal(
    withoutDeadLinks("[up](../tests/x.ts) [r](../README.md)", "docs/b.md", ["README.md"]),
    "up [r](../README.md)",
  );
});
