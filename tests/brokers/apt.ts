import { run, threeTimes } from "./cache.ts";

/** One installation at a time, in whatever process: a second one would find the lists locked. */
const lock = "/var/lock/posthorn-apt";

/** Installs packages of Debian, which takes root. */
export async function installPackages(...names: string[]): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const apt = [lock, "apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq"];
  await threeTimes(async () => {
    await run("flock", [...apt, "update"], { env });
    await run("flock", [...apt, "install", "--yes", "--no-install-recommends", ...names], { env });
  });
}
