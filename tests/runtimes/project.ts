import { install, pack } from "../../.ci/pack.ts";
import { inFolder, root, rootConfig } from "../../.ci/package.ts";
import { run } from "../brokers/cache.ts";

const bundler = "esbuild@0.28.2";

/** What runs on the runtimes, and the name of its file in the project. */
const programs: Readonly<Record<string, string>> = {
  load: "tests/runtimes/programs/load.ts",
  conformance: "tests/runtimes/programs/conformance.ts",
  behaviour: "tests/runtimes/programs/behaviour.ts",
  modes: "tests/runtimes/programs/modes.ts",
  crash_server: "tests/runtime/durable/crash_server.ts",
};

/** Does something in a project that has installed the package from its npm tarball, with the programs beside it. */
export async function inProject(act: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    await install(folder, await pack(folder), ...await packages());
    await bundle(folder);
    for (const file of ["node.js", "bun.js"]) {
      await Deno.copyFile(new URL(`examples/runtimes/${file}`, root), `${folder}/${file}`);
    }
    await act(folder);
  });
}

/** What the package and the examples import of npm: clients of brokers, a schema library, a server for Node. */
async function packages(): Promise<string[]> {
  const examples = JSON.parse(await Deno.readTextFile(new URL("examples/deno.json", root)));
  const imports: string[] = Object.values({ ...(await rootConfig()).imports, ...examples.imports });
  const ofNpm = imports.filter((specifier) => specifier.startsWith("npm:"));
  return [...ofNpm.map((specifier) => specifier.slice("npm:".length)), bundler];
}

/** Makes one file of each program. What it imports of packages stays an import, so it uses those of the project. */
async function bundle(folder: string): Promise<void> {
  const entries = Object.entries(programs).map(([name, file]) => `${name}=${new URL(file, root).pathname}`);
  await run(`${folder}/node_modules/.bin/esbuild`, [
    "--bundle",
    "--format=esm",
    "--packages=external",
    "--platform=neutral",
    "--target=node22.13", // it has no `using`
    "--log-level=error",
    `--outdir=${folder}`,
    ...entries,
  ], { cwd: folder });
}
