/**
 * Packs the package for npm: `deno run -A .ci/pack.ts FOLDER` writes the tarball there, and `--check` tries it: an empty
 * project installs it, the TypeScript compiler checks every declaration of it, and a program runs. npm does not have
 * `@std`, so the few functions that the package uses of it become files of the package. Its modules become one file for
 * each entry and a few that they share; its declarations stay one file for each module.
 */

import { bundleFolder, filesLoadedBy } from "./bundle.ts";
import {
  type Config,
  importedBy,
  inFolder,
  modulesOf,
  packageConfig,
  packagePictures,
  packageTexts,
  root,
  rootConfig,
  writeFiles,
} from "./package.ts";

/** What npm does not have, by the specifiers with which the package imports it. */
const inlined: Readonly<Record<string, string>> = {
  "@std/ulid": "links/ulid/mod.ts",
  "@std/async/abortable": "links/async/abortable.ts",
};

/** The clients of brokers and of a database: whoever uses one installs it, and nobody else gets it. */
const clients = /^(rabbitmq-client|kafkajs|pg|@nats-io\/.+)$/;

/** The oldest of each runtime that the tests run on: before these, Node and Bun have no `node:sqlite`. */
export const engines = { bun: ">=1.4", deno: ">=2.5.6", node: ">=22.13" };

/** Writes the tarball into a folder. Returns its path. */
export async function pack(into: string): Promise<string> {
  const config = await rootConfig();
  return await inFolder(async (folder) => {
    await writeSources(`${folder}/sources`, config);
    const tarball = `${folder}/package.tgz`;
    await run(
      `${folder}/sources`,
      Deno.execPath(),
      "pack",
      "--allow-dirty",
      "--no-source-maps",
      "-o",
      tarball,
    );
    await run(folder, "tar", "xzf", tarball);
    await bundle(`${folder}/package`, config);
    await completeManifest(`${folder}/package`, config);
    const packed = `${into}/${config.name.replace("@", "").replace("/", "-")}-${config.version}.tgz`;
    await run(folder, "tar", "czf", packed, "package");
    return packed;
  });
}

async function writeSources(folder: string, config: Config): Promise<void> {
  const texts = await packageTexts();
  for (const [file, text] of texts) {
    if (!file.endsWith(".ts")) continue;
    const up = "../".repeat(file.split("/").length - 1) || "./";
    texts.set(
      file,
      text.replace(/(from )"(@std\/[^"]+)"/g, (_, from, name) => `${from}"${up}${inlinedFile(name)}"`),
    );
  }
  for (const [name, file] of Object.entries(inlined)) {
    texts.set(inlinedFile(name), await Deno.readTextFile(new URL(file, root)));
  }
  texts.set("deno.json", JSON.stringify(packageConfig(config, modulesOf(texts)), null, 2));
  await writeFiles(folder, texts);
  await writeFiles(folder, await packagePictures());
}

async function bundle(folder: string, { exports, imports }: Config): Promise<void> {
  const { ".": core, "./protocol": apart, ...others } = Object.fromEntries(
    Object.entries(exports).map(([entry, file]) => [entry, moduleOf(file)]),
  );
  await bundleFolder(folder, { core, apart, others: Object.values(others) }, Object.keys(imports));
}

/** The module of an entry in the package. */
function moduleOf(file: string): string {
  return file.slice(2).replace(/\.ts$/, ".js");
}

function inlinedFile(name: string): string {
  if (!(name in inlined)) {
    throw new Error(`Cannot pack ${name}: npm does not have it, and .ci/pack.ts no file for it`);
  }
  return `inlined/${name.slice(name.lastIndexOf("/") + 1)}.ts`;
}

/** Names every package that a module or a declaration imports: `deno pack` leaves out what only declarations do. */
async function completeManifest(folder: string, { imports }: Config): Promise<void> {
  const manifest = JSON.parse(await Deno.readTextFile(`${folder}/package.json`));
  const dependencies: Record<string, string> = {};
  const peerDependencies: Record<string, string> = {};
  for (const text of await textsOf(folder)) {
    for (const specifier of importedBy(text)) {
      const [name] = /^(@[^/]+\/)?[^/]+/.exec(specifier)!;
      const version = /^npm:(?:@[^/]+\/)?[^@]+@(.+)$/.exec(imports[name] ?? "")?.[1];
      if (version === undefined) {
        throw new Error(`Cannot pack ${specifier}: deno.json does not say which of npm it is`);
      }
      (clients.test(name) ? peerDependencies : dependencies)[name] = version;
    }
  }
  const peerDependenciesMeta = Object.fromEntries(
    Object.keys(peerDependencies).map((name) => [name, { optional: true }]),
  );
  const whole = {
    ...manifest,
    sideEffects: false,
    engines,
    dependencies,
    peerDependencies,
    peerDependenciesMeta,
  };
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify(whole, null, 2) + "\n");
}

async function textsOf(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) texts.push(...await textsOf(`${folder}/${name}`));
    else if (/\.(js|d\.ts)$/.test(name)) texts.push(await Deno.readTextFile(`${folder}/${name}`));
  }
  return texts;
}

/** How many files of the package a program may load that imports the core and HTTP. */
const filesMax = 6;

/**
 * Installs a tarball into an empty project, checks its types, runs a program, and checks that the entries share one copy
 * of everything and that a program loads few files.
 */
async function check(tarball: string): Promise<void> {
  const { name, exports } = await rootConfig();
  const specifiers = Object.keys(exports).map((entry) => `${name}${entry.slice(1)}`);
  const entries = [
    'import { requireOneCopy } from "./one_copy.js";',
    ...specifiers.map((specifier, index) => `import * as entry${index} from "${specifier}";`),
    `requireOneCopy({ ${
      specifiers.map((specifier, index) => `"${specifier}": entry${index}`).join(", ")
    } });`,
  ];
  const compilerOptions = {
    strict: true,
    skipLibCheck: false,
    target: "es2024",
    lib: ["es2024", "esnext.disposable", "dom", "dom.iterable"],
    module: "nodenext",
    types: [],
  };
  await inFolder(async (folder) => {
    await writeFiles(
      folder,
      new Map([
        ["tsconfig.json", JSON.stringify({ compilerOptions, files: ["use.ts", "entries.ts"] })],
        ["entries.ts", entries.join("\n")],
        ["use.ts", await Deno.readTextFile(new URL("pack_check.ts", import.meta.url))],
        ["one_copy.ts", await Deno.readTextFile(new URL("one_copy.ts", import.meta.url))],
      ]),
    );
    await install(folder, tarball, "typescript@5.9.3");
    await run(folder, "npx", "tsc", "-p", ".");
    const options = ["--no-lock", "--node-modules-dir=manual"];
    await run(folder, Deno.execPath(), "run", "-A", ...options, "use.js");
    await run(folder, Deno.execPath(), "run", "-A", ...options, "entries.js");
    const loaded = await filesLoadedBy(
      `${folder}/node_modules/${name}`,
      [exports["."], exports["./http"]].map(moduleOf),
    );
    if (loaded > filesMax) throw new Error(`a program loads ${loaded} of ${filesMax} files of the package`);
  });
}

/** Makes a project in a folder that has a tarball and other packages of npm. */
export async function install(
  folder: string,
  tarball: string,
  ...packages: readonly string[]
): Promise<void> {
  await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, type: "module" }));
  await run(folder, "npm", "install", "--no-audit", "--no-fund", tarball, ...packages);
}

async function run(cwd: string, command: string, ...args: string[]): Promise<void> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args, cwd }).output();
  if (success) return;
  const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  throw new Error(`${command} ${args.join(" ")} fails:\n${said}`);
}

if (import.meta.main) {
  const [into = "."] = Deno.args.filter((arg) => arg !== "--check");
  if (Deno.args.includes("--check")) await inFolder(async (folder) => await check(await pack(folder)));
  else console.log(await pack(await Deno.realPath(into)));
}
