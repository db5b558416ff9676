/** The folder of the repository. */
export const root = new URL("../../", import.meta.url);

/** The text of a file of the repository. */
export function textOf(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, root));
}

/** The code blocks of a page that begin with such a line. */
export function blocksOf(page: string, info: string): string[] {
  const fence = "```";
  return [...page.matchAll(new RegExp(`^${fence}${info}\\n([^]*?)^${fence}$`, "gm"))].map(([, text]) => text);
}
