// deno task runtimes [OPTION…]    installs Node and Bun into $XDG_CACHE_HOME/posthorn or ~/.cache/posthorn, packs the
//                                 package, and runs the tests of tests/runtimes/; the options are those of `deno test`
// deno task runtimes --install    only installs them

import { variable } from "./given.ts";
import { inProject } from "./project.ts";
import { runtimes } from "./runtime.ts";

await Promise.all(
  Object.values(runtimes).filter((runtime) => !runtime.isInstalled()).map(async (runtime) => {
    console.error(`installing ${runtime.name} ${runtime.version}`);
    await runtime.install();
  }),
);
if (!Deno.args.includes("--install")) {
  await inProject(async (folder) => {
    const args = ["test", "-A", "--parallel", "--sanitize-ops", "--sanitize-resources", ...Deno.args];
    const tests = new URL(".", import.meta.url).pathname;
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [...args, tests],
      env: { [variable]: folder },
    }).spawn().status;
    Deno.exitCode = code;
  });
}
