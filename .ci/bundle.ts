/**
 * The modules of a package as few files: one for each entry, and chunks that entries share. A program loads a handful of
 * files then, and not one for each module.
 */

/** The entries of a package, as the paths of their modules in its folder. */
export interface Entries {
  /** What most programs load, and what every entry but `apart` loads with it. */
  readonly core: string;
  /** What loads nothing but itself: a program may use it without the core. */
  readonly apart: string;
  readonly others: readonly string[];
}

/**
 * Replaces the modules of a folder (`.js`) by bundles of its entries, in the places of the entries. Each module is in
 * one file: two entries share one copy of it. What is loaded later with `import()` has files of its own. Packages in
 * `external` stay imports.
 */
export async function bundleFolder(
  folder: string,
  entries: Entries,
  external: readonly string[],
): Promise<void> {
  const modules = await modulesOf(folder);
  for (const [file, text] of chained(modules, entries)) await Deno.writeTextFile(`${folder}/${file}`, text);
  const into = await Deno.makeTempDir({ prefix: "posthorn-bundle-" });
  try {
    const { core, apart, others } = entries;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "bundle",
        "--quiet",
        "--code-splitting",
        "--platform=browser", // nothing of Deno's or Node's is added
        ...external.flatMap((name) => [`--external=${name}`, `--external=${name}/*`]),
        `--outdir=${into}`,
        ...[core, apart, ...others].map((entry) => `./${entry}`),
      ],
      cwd: folder,
    }).output();
    if (!success) throw new Error(`deno bundle fails:\n${new TextDecoder().decode(stderr)}`);
    for (const file of modules.keys()) await Deno.remove(`${folder}/${file}`);
    for (const [file, text] of await modulesOf(into)) await Deno.writeTextFile(`${folder}/${file}`, text);
  } finally {
    await Deno.remove(into, { recursive: true });
  }
}

/**
 * The modules with imports that leave the bundler fewer chunks to make. It makes one for each set of entries and lazy
 * modules that reach the same modules. So every entry reaches the core, and each lazy module the entry that leads to it,
 * or if there are several, its importer: at run time all of that is loaded before it in any case.
 */
function chained(
  modules: ReadonlyMap<string, string>,
  { core, apart, others }: Entries,
): Map<string, string> {
  const reached = new Map([core, apart, ...others].map((entry) => [entry, reachedBy(entry, modules)]));
  const before = new Map(others.map((entry) => [entry, new Set([core])]));
  for (const [importer, text] of modules) {
    for (const lazy of importsOf(importer, text, "later")) {
      const leading = Array.from(reached).filter(([, all]) => all.has(importer)).map(([entry]) => entry);
      const first = leading.length === 1 ? leading[0] : importer;
      before.set(lazy, (before.get(lazy) ?? new Set([core])).add(first));
    }
  }
  return new Map(
    Array.from(before, ([file, first]) => {
      const imports = Array.from(first, (target) => `import "${pathBetween(file, target)}";\n`);
      return [file, imports.join("") + modules.get(file)!];
    }),
  );
}

/** How many files of a folder a program loads at its start that imports some of them. */
export async function filesLoadedBy(folder: string, imported: readonly string[]): Promise<number> {
  const modules = await modulesOf(folder);
  return new Set(imported.flatMap((file) => [...reachedBy(file, modules)])).size;
}

/** The modules that a module loads at its start, itself among them. */
function reachedBy(entry: string, modules: ReadonlyMap<string, string>): Set<string> {
  const reached = new Set([entry]);
  for (const file of reached) { // it grows as it goes
    for (const target of importsOf(file, modules.get(file)!, "at once")) reached.add(target);
  }
  return reached;
}

/** The modules of the folder that a module imports. */
function importsOf(file: string, text: string, when: "at once" | "later"): string[] {
  const code = text.replace(/\/\*[^]*?\*\//g, "");
  const imports = when === "later" ? /\bimport\("(\.[^"]+)"\)/g : /\b(?:from|import) "(\.[^"]+)"/g;
  return Array.from(
    code.matchAll(imports),
    ([, target]) => new URL(target, `file:///${file}`).pathname.slice(1),
  );
}

/** How one file of a folder imports another one. */
function pathBetween(file: string, target: string): string {
  return ("../".repeat(file.split("/").length - 1) || "./") + target;
}

/** The modules of a folder, by their paths in it. */
async function modulesOf(folder: string, path = ""): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${path}`)) {
    if (isDirectory) {
      for (const [file, text] of await modulesOf(folder, `${path}${name}/`)) found.set(file, text);
    } else if (name.endsWith(".js")) {
      found.set(path + name, await Deno.readTextFile(`${folder}/${path}${name}`));
    }
  }
  return found;
}
