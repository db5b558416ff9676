/**
 * A copy of what belongs to the package, to publish it or to pack it: `deno publish` wants every module of the graph inside
 * the package, and the stand-ins in links/ are in the graph but never published. What git does not track is not copied,
 * whatever lies in the folders.
 */

/** What may be in the package. */
const contents = [
  "mod.ts",
  "runtime",
  "actors",
  "adapters",
  "testing",
  "docs",
  "llms.txt",
  "bench/RESULTS.md",
  "bench/results.svg",
  "README.md",
  "ARCHITECTURE.md",
  "LICENSE",
  "CHANGELOG.md",
];

/** What deno.json says of the package itself; its tasks, and what only tests and benches import, stay here. */
const fields = ["name", "version", "license", "exports", "imports", "compilerOptions"];

/** The folder of the repository. */
export const root = new URL("../", import.meta.url);

/** What deno.json says. */
export interface Config extends Readonly<Record<string, unknown>> {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly links: readonly string[];
}

/** The deno.json of the repository. */
export async function rootConfig(): Promise<Config> {
  return JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
}

/** The files of the package, relative to its folder. */
export async function packageFiles(folder: URL = root): Promise<string[]> {
  const listed = await new Deno.Command("git", { args: ["ls-files", "-z", "--", ...contents], cwd: folder })
    .output();
  if (!listed.success) throw new Error(`Cannot list the package: ${new TextDecoder().decode(listed.stderr)}`);
  return new TextDecoder().decode(listed.stdout).split("\0").filter((file) => file !== "");
}

/** Whether a file of the package is a picture, which is no text. */
function isPicture(file: string): boolean {
  return file.endsWith(".png");
}

/** The pictures of the package, by their paths. */
export async function packagePictures(folder: URL = root): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const pictures = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const file of (await packageFiles(folder)).filter(isPicture)) {
    pictures.set(file, await Deno.readFile(new URL(file, folder)));
  }
  return pictures;
}

/** The texts of the files of the package, by their paths, as they are published. */
export async function packageTexts(folder: URL = root): Promise<Map<string, string>> {
  const files = await packageFiles(folder);
  const texts = new Map<string, string>();
  for (const file of files.filter((file) => !isPicture(file))) {
    const text = await Deno.readTextFile(new URL(file, folder));
    texts.set(file, /\.(md|txt)$/.test(file) ? withoutDeadLinks(text, file, files) : text);
  }
  return texts;
}

/** A page whose links to files that are not in the package are their words alone. */
export function withoutDeadLinks(page: string, path: string, files: readonly string[]): string {
  return page.replace(/(?<!!)\[([^\]]*)\]\(([^)\s]+)\)/g, (link, words: string, target: string) => {
    const there = fileOf(target, path);
    const held = there === undefined || files.some((file) => file === there || file.startsWith(`${there}/`));
    return held ? link : words;
  });
}

/** The path in the repository to which a page links; nothing if the link leads elsewhere, or within the page. */
export function fileOf(target: string, page: string): string | undefined {
  if (/^[a-z]+:|^#/.test(target)) return undefined;
  const base = new URL(page, "file:///");
  return new URL(target, base).pathname.slice(1).replace(/\/$/, "");
}

/** The packages that code imports, by the specifiers with which it does; what is in its comments does not count. */
export function importedBy(code: string): string[] {
  const lines = code.split("\n").filter((line) => !/^\s*(\*|\/\/|\/\*)/.test(line));
  const found = lines.map((line) => line.replace(/;\s*\/\/.*/, ";")).join("\n").matchAll(
    /\b(?:from\s+|import\(|import\s+)"([^"]+)"/g,
  );
  return Array.from(found, ([, specifier]) => specifier).filter((specifier) =>
    !/^(\.|node:)/.test(specifier)
  );
}

/** The deno.json of the package whose modules have these texts. */
export function packageConfig(config: Config, texts: readonly string[]): Record<string, unknown> {
  const specifiers = texts.flatMap(importedBy);
  const imports = Object.entries(config.imports).filter(([name]) =>
    specifiers.some((specifier) => specifier === name || specifier.startsWith(`${name}/`))
  );
  const kept = Object.entries(config).filter(([field]) => fields.includes(field));
  return { ...Object.fromEntries(kept), imports: Object.fromEntries(imports) };
}

/** The texts of those files that are modules. */
export function modulesOf(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].filter(([file]) => /\.tsx?$/.test(file)).map(([, text]) => text);
}

/** Writes files into a folder, by their paths in it. */
export async function writeFiles(
  folder: string,
  contents: ReadonlyMap<string, string | Uint8Array<ArrayBuffer>>,
): Promise<void> {
  for (const [file, content] of contents) {
    const path = `${folder}/${file}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (typeof content === "string") await Deno.writeTextFile(path, content);
    else await Deno.writeFile(path, content);
  }
}

/** Does something in a folder that is removed afterwards. */
export async function inFolder<Result>(act: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = await Deno.makeTempDir({ prefix: "posthorn-package-" });
  try {
    return await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
