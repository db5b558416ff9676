/** The root folder of the repository. */
export const root = new URL("../../", import.meta.url);

/** The text of a file of the repository. */
export function textOf(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, root));
}

/** The code blocks of a page whose first line matches. */
export function blocksOf(page: string, info: string): string[] {
  const fence = "```";
  return [...page.matchAll(new RegExp(`^${fence}${info}\\n([^]*?)^${fence}$`, "gm"))].map(([, text]) => text);
}

/** The files that the entries of the package load, without their comments. */
export async function sources(): Promise<string[]> {
  const { exports } = JSON.parse(await textOf("deno.json")) as { readonly exports: Record<string, string> };
  const own = new Set<string>();
  for (const entry of Object.values(exports)) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", entry],
      cwd: root,
      stderr: "null",
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
      readonly modules: readonly { readonly specifier: string }[];
    };
    for (const { specifier } of modules) {
      if (specifier.startsWith(root.href) && !/\/(links|testing)\//.test(specifier)) own.add(specifier);
    }
  }
  return await Promise.all(
    Array.from(own, async (url) => withoutComments(await Deno.readTextFile(new URL(url)))),
  );
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/ [^\n]*/g, "");
}

/** The files of the repository that match one of the patterns of git. Ignored ones do not count. */
export async function filesOf(...patterns: readonly string[]): Promise<string[]> {
  const args = ["ls-files", "-coz", "--exclude-standard", "--", ...patterns];
  const { stdout } = await new Deno.Command("git", { args, cwd: root }).output();
  const names = new TextDecoder().decode(stdout).split("\0").filter((name) => name !== "");
  const areThere = await Promise.all(names.map((name) => Deno.stat(new URL(name, root)).catch(() => null)));
  return names.filter((_, at) => areThere[at] !== null); // one that git knows may be deleted
}

/** Every page, but for the figures of the benchmarks. */
export async function pageNames(): Promise<string[]> {
  return (await filesOf("*.md", "llms.txt")).filter((name) => name !== "bench/RESULTS.md").sort();
}
