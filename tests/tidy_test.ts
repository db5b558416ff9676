// Rules of the repository that no linter checks. Each failure states what to do.

import assert from "node:assert/strict";

const root = new URL("../", import.meta.url);

/**
 * Every folder of the product, lowest first: each is a layer. A file imports only from its own folder and
 * from those above in this list. Put a new file into the lowest folder from which it can import everything it
 * needs. A name that ends with two stars is one layer with all its subfolders.
 */
const layers: readonly string[] = [
  "runtime/base/",
  "runtime/language/",
  "runtime/messages/",
  "runtime/scheduling/",
  "runtime/ports/",
  "runtime/observation/",
  "runtime/turns/",
  "runtime/activations/",
  "runtime/durable/rows/",
  "runtime/durable/commits/",
  "runtime/durable/delivery/",
  "runtime/durable/background/",
  "runtime/durable/observation/",
  "runtime/durable/activations/",
  "runtime/durable/",
  "runtime/remote/",
  "runtime/",
  "adapters/stores/**",
  "adapters/transports/**",
  "adapters/telemetry/**",
  "adapters/http/**",
  "adapters/console/**",
  "adapters/memory.ts",
  "adapters/store_of.ts",
  "adapters/run_command.ts",
  "adapters/copy.ts",
  "adapters/inspect/**",
  "adapters/inspect.ts",
  "testing/**",
  "actors/builtin/",
  "actors/observation/",
  "actors/",
  "mod.ts",
];

/** The files that the entries of the package name: what is public. */
const surfaces = await readSurfaces();

/**
 * Folders of adapters: they import neither actors nor other adapters, and no entry except their own imports
 * them.
 */
const adapters = [
  "adapters/stores/",
  "adapters/transports/",
  "adapters/telemetry/",
  "adapters/http/",
  "adapters/console/",
  "testing/",
];

/** The exceptions: the Hono app serves the page of metrics. */
const buildsOn: Readonly<Record<string, string>> = { "adapters/http/": "adapters/telemetry/" };

/** The entry of all that is in memory, and what finds a store by its name: they alone are of several adapters. */
const ofSeveral = ["adapters/memory.ts", "adapters/store_of.ts"];

/**
 * What a store or a transport may import from, besides its own folder: folders, and the part of the runtime that it
 * carries.
 */
const underStores = [
  "runtime/base/",
  "runtime/ports/",
  "runtime/durable/engine.ts",
  "runtime/durable/transactions.ts",
];
const underTransports = ["runtime/base/", "runtime/ports/", "runtime/language/", "runtime/remote/engine.ts"];

interface Source {
  readonly path: string;
  readonly text: string;
  /** The source without comments and string literals. */
  readonly code: string;
}

interface Module {
  readonly path: string;
  readonly imports: readonly string[];
  /** Those of the imports that are there when the program runs: not only for their types. */
  readonly values: readonly string[];
}

const sources = await readSources();
const modules = await readModules();

Deno.test("every folder is a layer, and a file imports only from its own and from those below", () => {
  for (const { path } of sources) {
    assert.ok(
      layerOf(path) >= 0,
      `${path} is in no layer: put it into a folder of the list in tests/tidy_test.ts`,
    );
  }
  for (const [layer, folder] of layers.entries()) {
    assert.ok(sources.some(({ path }) => layerOf(path) === layer), `${folder} has no file`);
  }
  for (const { path, imports } of modules) {
    for (const target of imports.filter((target) => layerOf(target) >= 0)) {
      assert.ok(layerOf(path) >= layerOf(target), `${path} imports ${target}, which is in a higher layer`);
    }
  }
});

Deno.test("the runtime knows no mode, and adapters know neither actors nor each other", () => {
  for (const { path, imports } of modules) {
    const own = adapterOf(path);
    for (const target of imports) {
      const other = adapterOf(target);
      if (path.startsWith("runtime/") || own !== undefined) {
        assert.ok(!target.startsWith("actors/"), `${path} imports ${target}: only the actors know a mode`);
        assert.notEqual(target, "mod.ts", `${path} imports the public surface`);
      }
      if (other === undefined || other === own || (own !== undefined && buildsOn[own] === other)) continue;
      if (ofSeveral.includes(path)) continue;
      assert.fail(`${path} imports the adapter ${target}: only an entry of its own does`);
    }
  }
});

Deno.test("a store or a transport knows base, ports and the engine that it carries, and no other one", () => {
  for (const [kind, under] of [["stores", underStores], ["transports", underTransports]] as const) {
    for (const { path, imports } of modules.filter(({ path }) => path.startsWith(`adapters/${kind}/`))) {
      if (path === `adapters/${kind}/mod.ts`) continue; // the entry for those that others write
      const own = folderOf(path);
      assert.match(
        own,
        new RegExp(`^adapters/${kind}/\\w+/$`),
        `${path} belongs into the folder of its adapter`,
      );
      for (const target of imports.filter((target) => layerOf(target) >= 0)) {
        assert.ok(
          [own, ...under].some((one) => one === target || one === folderOf(target)),
          `${path} imports ${target}: it builds on ${under.join(", ")} alone, and on no other adapter`,
        );
      }
    }
  }
});

Deno.test("no values are imported in a cycle", () => {
  const valuesOf = new Map(modules.map(({ path, values }) => [path, values]));
  for (const { path, values } of modules) {
    for (const target of values) {
      assert.ok(!reaches(valuesOf, target, path), `${path} imports ${target}, which imports it in turn`);
    }
  }
});

Deno.test("types are imported in a cycle only within one folder", () => {
  const importsOf = new Map(modules.map(({ path, imports }) => [path, imports]));
  for (const { path, imports } of modules) {
    for (const target of imports.filter((target) => folderOf(target) !== folderOf(path))) {
      assert.ok(!reaches(importsOf, target, path), `${path} imports ${target}, which imports it in turn`);
    }
  }
});

Deno.test("every file of the product can be reached from an entry of the package", () => {
  const reached = new Set(modules.map(({ path }) => path));
  for (const { path } of sources) assert.ok(reached.has(path), `${path} is imported by nothing`);
});

Deno.test("nothing needs one platform", () => {
  forbid(
    /\bDeno\s*[.[]|\bprocess\s*[.[]|\bBuffer\b|\bglobalThis\b|\bwindow\b/,
    sources.filter(({ path }) =>
      !path.startsWith("adapters/stores/deno_kv/") && // its store is that platform's
      path !== "adapters/transports/rabbitmq/client.ts" && // its client is Node's
      // query its permissions, if it exists
      !["adapters/stores/sqlite/presence.ts", "runtime/ports/store_file.ts"].includes(path)
    ),
    "it is one platform's",
  );
  for (const { path, imports } of modules) {
    if (path === "adapters/transports/nats/socket_pipe.ts") continue; // Node, Deno and Bun have TCP under that name
    const own = imports.find((target) => /^(node|bun|cloudflare):/.test(target));
    assert.equal(own, undefined, `${path} imports ${own}, which is one platform's`);
  }
});

Deno.test("every runtime that the package names can parse it", () => {
  forbid(/\busing\s+\w+\s*(=|of\b)/, sources, "Node 22 has no `using`: dispose of it in a `finally`");
});

Deno.test("time and chance come from clock.ts and random.ts alone", () => {
  const ambient = new RegExp(
    [
      /\bDate\s*\.\s*now\b/,
      /\bMath\s*\.\s*random\b/,
      /\bperformance\b/,
      /\bset(Timeout|Interval|Immediate)\b/,
      /\bcrypto\s*\.\s*(randomUUID|getRandomValues)\b/,
      /\bAbortSignal\s*\.\s*timeout\b/,
      /\bnew\s+Date\s*\(\s*\)/,
      /\bnew\s+Date\b(?!\s*\()/,
      /(?<!\bnew\s)\bDate\s*\(\s*\)/,
    ].map(({ source }) => source).join("|"),
  );
  const ports = ["runtime/base/clock.ts", "runtime/base/random.ts"];
  forbid(ambient, sources.filter(({ path }) => !ports.includes(path)), "take the system's clock and random");
});

Deno.test("no module keeps state of its own", () => {
  forbid(/^(export\s+)?(let|var)\b/m, sources, "two systems would share it");
});

Deno.test("nothing is any, and nothing is left to do without a reason", () => {
  forbid(/(:|<|\bas|\||&|,|=)\s*any\b(?!\s*[(:])/, sources, "say what it is, or unknown");
  for (const { path, text } of sources) {
    const note = /\b(TODO|FIXME|XXX|HACK)\b(?!\([^)]+\):? \S)/.exec(text);
    assert.equal(
      note,
      null,
      `${path} has a ${note?.[1]} without a reason: write ${note?.[1]}(who or why): what`,
    );
  }
});

Deno.test("a file has at most 400 lines, and a function 70", () => {
  for (const { path, text, code } of sources) {
    const lines = text.split("\n").length - 1;
    assert.ok(lines <= 400, `${path} has ${lines} of 400 lines: it is two concepts`);
    for (const { name, length } of functionsOf(code)) {
      assert.ok(length <= 70, `${path}: ${name} has ${length} lines: it does two things`);
    }
  }
});

Deno.test("every public symbol is explained, and what can be called has an example", async () => {
  for (const surface of surfaces) {
    const symbols = await readSymbols(surface);
    assert.ok(symbols.length > 0, `${surface} exports nothing`);
    const silent = symbols.filter(({ doc }) => doc === "").map(({ name }) => name);
    assert.deepEqual(silent, [], `${surface}: they say nothing about themselves`);
    const callable = symbols.filter(({ kind }) => /^(class|function|variable)$/.test(kind));
    const unshown = callable.filter(({ examples }) => examples === 0).map(({ name }) => name);
    assert.deepEqual(unshown, [], `${surface}: they have no @example, or are not meant to be public`);
  }
});

/** The files of the export map, relative to the root. */
async function readSurfaces(): Promise<string[]> {
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  return Object.values(exports as Record<string, string>).map((file) => file.slice(2));
}

/** The index of a file's layer in the list, from 0; -1 if it is in none. */
function layerOf(path: string): number {
  return layers.findIndex((layer) =>
    layer.endsWith("**") ? path.startsWith(layer.slice(0, -2)) : layer === path || layer === folderOf(path)
  );
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function adapterOf(path: string): string | undefined {
  return adapters.find((folder) => path.startsWith(folder));
}

/** Whether a module is imported by another one, or by what that imports. */
function reaches(importsOf: ReadonlyMap<string, readonly string[]>, from: string, to: string): boolean {
  const seen = new Set([from]);
  for (const path of seen) for (const target of importsOf.get(path) ?? []) seen.add(target); // it grows as it goes
  return seen.has(to);
}

function forbid(pattern: RegExp, among: readonly Source[], why: string): void {
  for (const { path, code } of among) {
    const found = pattern.exec(code);
    if (found === null) continue;
    const line = code.slice(0, found.index).split("\n").length;
    assert.fail(`${path}:${line} has ${JSON.stringify(found[0].trim())}: ${why}`);
  }
}

async function readSources(): Promise<Source[]> {
  const found: Source[] = [];
  async function walk(folder: string): Promise<void> {
    for await (const entry of Deno.readDir(new URL(folder, root))) {
      const path = folder + entry.name;
      if (entry.isDirectory) await walk(`${path}/`);
      else if (/\.[jt]sx?$/.test(entry.name)) {
        const text = await Deno.readTextFile(new URL(path, root));
        found.push({ path, text, code: codeOf(text) });
      }
    }
  }
  for (const folder of ["runtime/", "adapters/", "testing/", "actors/"]) await walk(folder);
  const text = await Deno.readTextFile(new URL("mod.ts", root));
  return [...found, { path: "mod.ts", text, code: codeOf(text) }];
}

/** The text with every comment, string and regular expression blanked out, and every line in its place. */
function codeOf(text: string): string {
  const tokens =
    /\/\*[^]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|(?<=[=(,:!&|?]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\/[a-z]*/g;
  return text.replace(tokens, (token) => token.replace(/[^\n]/g, " "));
}

/**
 * Finds functions by their form: a line that opens a body, up to the line of equal indentation that closes
 * it.
 */
function functionsOf(code: string): { name: string; length: number }[] {
  const lines = code.split("\n");
  const opening =
    /^(\s*)(?:export |async |static |get |set |override |readonly |const |function\*? |\*)*(?:[#\w[\].]+)?.*(?:\)|=>)(?:: [^;]*)? ?\{$/;
  return lines.flatMap((line, index) => {
    const indent = opening.exec(line)?.[1];
    if (indent === undefined) return [];
    const end = lines.findIndex((other, at) => at > index && other.startsWith(`${indent}}`));
    return [{ name: line.trim(), length: end - index + 1 }];
  });
}

async function run(...args: string[]): Promise<unknown> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), { args, cwd: root, stderr: "null" })
    .output();
  assert.ok(success, `deno ${args.join(" ")} fails`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

/**
 * The files reachable from the public surfaces, with their imports: files by path, other specifiers
 * unchanged.
 */
async function readModules(): Promise<Module[]> {
  interface Dependency {
    readonly specifier: string;
    readonly code?: { readonly specifier: string };
    readonly type?: { readonly specifier: string };
  }
  interface Info {
    readonly modules: readonly {
      readonly specifier: string;
      readonly dependencies?: readonly Dependency[];
    }[];
  }
  const found = new Map<string, Module>();
  for (const surface of surfaces) {
    const info = await run("info", "--json", surface) as Info;
    for (const { specifier, dependencies = [] } of info.modules) {
      const path = pathOf(specifier);
      if (!/^(mod\.ts$|runtime\/|adapters\/|testing\/|actors\/)/.test(path)) continue;
      const targetOf = ({ specifier, code, type }: Dependency) =>
        pathOf((code ?? type)?.specifier ?? specifier);
      const values = dependencies.filter(({ code }) => code !== undefined).map(targetOf);
      found.set(path, { path, imports: dependencies.map(targetOf), values });
    }
  }
  return [...found.values()];
}

function pathOf(specifier: string): string {
  return specifier.startsWith(root.href) ? specifier.slice(root.href.length) : specifier;
}

interface PublicSymbol {
  readonly name: string;
  readonly kind: string;
  readonly doc: string;
  readonly examples: number;
}

interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string }[];
}

interface Declaration {
  readonly kind: string;
  readonly declarationKind: string;
  readonly jsDoc?: JsDoc;
}

/** The exports of a module with their documentation; for overloads, or a type with a value, the best one. */
async function readSymbols(module: string): Promise<PublicSymbol[]> {
  interface Version1 {
    readonly nodes: readonly (Declaration & { readonly name: string })[];
  }
  interface Version2 {
    readonly nodes: Readonly<
      Record<string, { symbols: readonly { name: string; declarations: readonly Declaration[] }[] }>
    >;
  }
  const output = await run("doc", "--json", module) as Version1 | Version2;
  const declarations = isVersion1(output)
    ? output.nodes.map((node) => ({ name: node.name, declarations: [node] }))
    : Object.values(output.nodes).flatMap(({ symbols }) => symbols);
  const byName = new Map<string, Declaration[]>();
  for (const { name, declarations: more } of declarations) {
    const exported = more.filter(({ kind, declarationKind }) =>
      kind !== "moduleDoc" && declarationKind === "export"
    );
    if (exported.length > 0) byName.set(name, [...byName.get(name) ?? [], ...exported]);
  }
  return [...byName].map(([name, all]) => ({
    name,
    kind: all.find(({ kind }) => /^(class|function|variable)$/.test(kind))?.kind ?? all[0].kind,
    doc: all.map(({ jsDoc }) => jsDoc?.doc ?? "").join("").trim(),
    examples: all.flatMap(({ jsDoc }) => jsDoc?.tags ?? []).filter(({ kind }) => kind === "example").length,
  }));

  function isVersion1(output: Version1 | Version2): output is Version1 {
    return Array.isArray(output.nodes);
  }
}
