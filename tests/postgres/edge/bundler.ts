// esbuild and pg, for a bundle that runs on workerd: the sockets of pg are there under a condition that
// `deno bundle` cannot set.

import type { Installable } from "../../brokers/broker.ts";
import { cacheFolder, isFile, run, threeTimes } from "../../brokers/cache.ts";

const dependencies = { "esbuild": "0.28.2", "pg": "8.23.1" };
const folder = cacheFolder(`edge-${dependencies.esbuild}-${dependencies.pg}`);

export const bundler: Installable = {
  name: "esbuild",
  version: dependencies.esbuild,
  isInstalled: () => isFile(`${folder}/installed`),
  async install() {
    if (this.isInstalled()) return;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(`${folder}/package.json`, JSON.stringify({ private: true, dependencies }));
    const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts"];
    await threeTimes(() => run("npm", args, { cwd: folder }));
    await Deno.writeTextFile(`${folder}/installed`, "");
  },
};

/**
 * Bundles a worker: Deno what is of Posthorn, and esbuild, as wrangler does, `pg` with the conditions of workerd. What
 * `pg` requires of Node is there with the flag `nodejs_compat`.
 */
export async function bundleForWorkerd(entry: string): Promise<string> {
  const path = await Deno.makeTempFile({ dir: folder, suffix: ".js" });
  try {
    await run(Deno.execPath(), [
      "bundle",
      "--quiet",
      "--platform",
      "browser",
      "--external",
      "pg",
      "-o",
      path,
      entry,
    ]);
    return await run(`${folder}/node_modules/.bin/esbuild`, [
      path,
      "--bundle",
      "--format=esm",
      "--platform=node",
      "--conditions=workerd,worker,browser",
      "--external:cloudflare:*",
      "--external:pg-native",
      `--banner:js=import { createRequire } from "node:module"; const require = createRequire("/");`,
    ]);
  } finally {
    await Deno.remove(path);
  }
}
