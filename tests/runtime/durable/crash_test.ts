// Real processes on real stores, killed at random moments while clients send.

import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import {
  beginTraffic,
  folder,
  killAgainAndAgain,
  requireReplies,
  Server,
  settledFaults,
} from "./crash_fleet.ts";

const seed = Number(Deno.env.get("CRASH_SEED") ?? 1);

for (const [kind, rounds, budgetMs] of [["sqlite", 30, 30_000], ["denoKv", 6, 10_000]] as const) {
  Deno.test({
    name:
      `${kind}: a server that is killed up to ${rounds} times loses nothing, doubles nothing, invents nothing`,
    ignore: kind === "denoKv" && typeof Deno.openKv !== "function",
    async fn() {
      await using home = await folder();
      const args = [kind, `${home.path}/store`];
      const random = seededRandom(seed);
      let server = await new Server(...args).begin();
      let next = new Server(...args);
      const traffic = beginTraffic(6, seed, () => server.url);
      const kills = await killAgainAndAgain(rounds, budgetMs, random, traffic, async () => {
        await server.kill();
        server = await next.begin();
        next = new Server(...args);
      });
      await traffic.stop();
      const faults = await settledFaults(server, traffic.sent);
      const accepted = traffic.sent.filter((each) => each.accepted).length;
      console.log(
        `${kind}: ${kills} kills, ${accepted} accepted, ${
          traffic.sent.length - accepted
        } in doubt, ${traffic.repeats} repeated`,
      );
      if (faults.length === 0) await requireReplies(server, traffic.sent);
      await server.kill();
      await next.discard();
      assert.deepEqual(faults.slice(0, 10), [], `${faults.length} faults, seed ${seed}`);
      assert.ok(accepted >= kills, "it was spoken to");
    },
  });
}
