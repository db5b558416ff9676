/**
 * Publishes the package from a copy of what belongs to it: `deno publish` wants every module of the graph inside the
 * package, and the stand-ins in links/ are in the graph but never published. What is not tracked by git is not copied,
 * whatever lies in the folders. `--dry-run` only tries it.
 */

/** What may be in the package. */
const contents = [
  "mod.ts",
  "runtime",
  "actors",
  "adapters",
  "testing",
  "docs",
  "README.md",
  "LICENSE",
  "CHANGELOG.md",
];

/** What deno.json says of the package itself; its tasks, and what only tests and benches import, stay here. */
const fields = ["name", "version", "license", "exports", "imports", "compilerOptions"];

const root = new URL("../", import.meta.url);

/** The files of the package, relative to its folder. */
export async function packageFiles(folder: URL = root): Promise<string[]> {
  const listed = await new Deno.Command("git", { args: ["ls-files", "-z", "--", ...contents], cwd: folder })
    .output();
  if (!listed.success) throw new Error(`Cannot list the package: ${new TextDecoder().decode(listed.stderr)}`);
  return new TextDecoder().decode(listed.stdout).split("\0").filter((file) => file !== "");
}

/** The deno.json of the package whose files have these texts. */
export function packageConfig(
  config: Record<string, unknown>,
  texts: readonly string[],
): Record<string, unknown> {
  const imports = Object.entries(config.imports as Record<string, string>).filter(([name]) =>
    texts.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`))
  );
  const kept = Object.entries(config).filter(([field]) => fields.includes(field));
  return { ...Object.fromEntries(kept), imports: Object.fromEntries(imports) };
}

async function publish(args: readonly string[]): Promise<number> {
  const copy = await Deno.makeTempDir({ prefix: "posthorn-publish-" });
  try {
    const texts: string[] = [];
    for (const file of await packageFiles()) {
      const text = await Deno.readTextFile(new URL(file, root));
      const to = `${copy}/${file}`;
      await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(to, text);
      if (file.endsWith(".ts") || file.endsWith(".tsx")) texts.push(text);
    }
    const whole = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
    const config = packageConfig(whole, texts);
    if (args.includes("--dry-run")) { // only a try can do with the stand-ins; the package depends on the real ones
      config.links = whole.links.map((link: string) => new URL(link, root).pathname);
    }
    await Deno.writeTextFile(`${copy}/deno.json`, JSON.stringify(config, null, 2));
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["publish", "--allow-dirty", ...args],
      cwd: copy,
    }).spawn().status;
    return code;
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

if (import.meta.main) Deno.exitCode = await publish(Deno.args);
