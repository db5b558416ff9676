// deno task browser --install  installs Debian's Chromium, for the tests in a browser, if there is none

import { chromiumPath, installChromium } from "./chromium.ts";

if (!Deno.args.includes("--install")) throw new RangeError("Say what to do: --install");
await installChromium();
console.log(chromiumPath());
