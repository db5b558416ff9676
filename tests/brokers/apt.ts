import { run, threeTimes } from "./cache.ts";

/** One installation at a time: a second one would find the lists locked. */
const turns: Promise<unknown>[] = [Promise.resolve()];

/** Installs packages of Debian, which takes root. */
export async function installPackages(...names: string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const common = ["-o", "DPkg::Lock::Timeout=300", "-qq"];
  const install = () =>
    threeTimes(async () => {
      await run("apt-get", [...common, "update"], { env });
      await run("apt-get", [...common, "install", "--yes", "--no-install-recommends", ...names], { env });
    });
  const turn = turns[0].then(install);
  turns[0] = turn.catch(() => {}); // whoever waits is not to fail with it
  await turn;
}
