/** Publishes the package to JSR, from a copy of what belongs to it. `--dry-run` only tries it. */

import {
  inFolder,
  modulesOf,
  packageConfig,
  packagePictures,
  packageTexts,
  root,
  rootConfig,
  writeFiles,
} from "./package.ts";

async function publish(args: readonly string[]): Promise<number> {
  const texts = await packageTexts();
  const whole = await rootConfig();
  const config = packageConfig(whole, modulesOf(texts));
  if (args.includes("--dry-run")) { // only a try can do with the stand-ins; the package depends on the real ones
    config.links = whole.links.map((link) => new URL(link, root).pathname);
  }
  texts.set("deno.json", JSON.stringify(config, null, 2));
  return await inFolder(async (folder) => {
    await writeFiles(folder, texts);
    await writeFiles(folder, await packagePictures());
    const command = new Deno.Command(Deno.execPath(), {
      args: ["publish", "--allow-dirty", ...args],
      cwd: folder,
    });
    return (await command.spawn().status).code;
  });
}

if (import.meta.main) Deno.exitCode = await publish(Deno.args);
