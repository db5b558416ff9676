// Tests with a real denokv server, if it is installed: `deno task denokv` installs it, and runs for longer.

import assert from "node:assert/strict";
import { hasServer } from "./server.ts";

const missing = !hasServer();

Deno.test({
  name: `nothing is lost, doubled or out of order on a real denokv behind a faulty proxy${
    missing ? " (ignored: `deno task denokv` brings the server)" : ""
  }`,
  ignore: missing,
  async fn() {
    const main = new URL("main.ts", import.meta.url).pathname;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--unstable-kv", main, "--seconds", "10", "--seed", "7"],
      stderr: "null", // Deno's client prints each cut
    }).output();
    const text = new TextDecoder().decode(stdout);
    assert.equal(code, 0, text);
    const [, confirmed, lost] = /confirmed: (\d+)[^]* lost: (\d+)/.exec(text)!.map(Number);
    assert.ok(confirmed > 50 && lost > 0, text);
  },
});
