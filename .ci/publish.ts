/**
 * Publishes the package from a copy of what belongs to it: `deno publish` wants every module of the graph inside the
 * package, and the stand-ins in links/ are in the graph but never published. `--dry-run` only tries it.
 */

const contents = ["mod.ts", "runtime", "actors", "README.md", "LICENSE", "CHANGELOG.md"];
const root = `${import.meta.dirname}/../`;
const dryRun = Deno.args.includes("--dry-run");
const copy = await Deno.makeTempDir({ prefix: "posthorn-publish-" });

try {
  const config = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  // Only a try can do with the stand-ins; the package itself depends on the real ones.
  config.links = dryRun ? config.links.map((link: string) => `${root}${link}`) : undefined;
  await Deno.writeTextFile(`${copy}/deno.json`, JSON.stringify(config, null, 2));
  const copied = await new Deno.Command("cp", { args: ["-r", ...contents, copy], cwd: root }).output();
  if (!copied.success) throw new Error(`Cannot copy the package: ${new TextDecoder().decode(copied.stderr)}`);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["publish", "--allow-dirty", ...Deno.args],
    cwd: copy,
  }).spawn().status;
  Deno.exitCode = code;
} finally {
  await Deno.remove(copy, { recursive: true });
}
