// A real process that is killed, and the messages that it leaves.

import { folder, Server } from "./crash_fleet.ts";
import { requireTakenOver } from "./crash_proofs.ts";

Deno.test({
  name:
    "what a killed process left on a SQLite file the next one does at once, and not after missed heartbeats",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using home = await folder();
    await requireTakenOver(home.path, () => new Server("sqlite", `${home.path}/store`));
  },
});
