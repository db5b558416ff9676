import { installPackages } from "../brokers/apt.ts";
import { isFile } from "../brokers/cache.ts";

/** Where Chromium may be: Debian's, and that of other distributions. */
const paths = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The path of Chromium: that of `POSTHORN_CHROMIUM`, or of one that is installed; `undefined` if there is none. */
export function chromiumPath(): string | undefined {
  const given = Deno.env.get("POSTHORN_CHROMIUM");
  return given !== undefined && given !== "required" ? given : paths.find(isFile);
}

/** Installs Debian's Chromium if there is none, which takes root. */
export async function installChromium(): Promise<void> {
  if (chromiumPath() === undefined) await installPackages("chromium");
}
