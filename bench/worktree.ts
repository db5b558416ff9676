import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/**
 * Checks out a commit in a temporary worktree, with the benchmarks of the working tree in place of its own,
 * so that two runtimes are compared by the same benchmarks. The commit keeps its own imports.
 */
export async function withWorktree<Result>(
  ref: string,
  use: (folder: string) => Promise<Result>,
): Promise<Result> {
  const parent = await Deno.makeTempDir({ prefix: "posthorn-compare-" });
  const folder = `${parent}/tree`;
  try {
    await git("worktree", "add", "--detach", folder, ref);
    await copyOver(`${root}bench`, `${folder}/bench`);
    return await use(folder);
  } finally {
    await Deno.remove(parent, { recursive: true });
    await git("worktree", "prune");
  }
}

async function copyOver(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyOver(`${from}/${name}`, `${to}/${name}`);
    else if (name !== "deno.json") await Deno.copyFile(`${from}/${name}`, `${to}/${name}`); // that of the commit
  }
}

async function git(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("git", { args, cwd: root, stdin: "null" }).output();
  if (!success) throw new Error(`git ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
}
