// A real process that is killed, and the messages that it leaves.

import assert from "node:assert/strict";
import { postgresTest } from "../../postgres/given.ts";
import { folder, patienceMs, post, Server, wait } from "./crash_fleet.ts";
import { requireTakenOver } from "./crash_proofs.ts";

/** Without a lock the next process would have to wait for three missed heartbeats of 5 s. */
const missedMs = 15_000;
/** A handler that runs before what is left. */
const slowMs = 200;

async function copiesAt(url: string): Promise<Record<string, number>> {
  return await (await post(url, "actors/tally/copies/counts", undefined)).json();
}

/** Kills a process that has work, and waits until another one has done it: the next one, or one that runs already. */
async function killed(args: readonly string[], by: "the next" | "another"): Promise<number> {
  const first = await new Server(...args).begin();
  const next = new Server(...args);
  if (by === "another") await next.begin();
  await (await post(first.url!, "actors/tally/t0/slow", { delayMs: slowMs })).body?.cancel();
  await (await post(first.url!, "actors/tally/t0/add", { id: "left" })).body?.cancel();
  await first.kill();
  const beganMs = performance.now();
  if (by === "the next") await next.begin();
  let copies: Record<string, number> = {};
  while (copies.left === undefined && performance.now() - beganMs < patienceMs) {
    await wait(20);
    // of another actor: this one gets its message only when the first runs
    copies = await copiesAt(next.url!);
  }
  const tookMs = performance.now() - beganMs;
  await next.kill();
  console.log(
    `${args[0]}, ${by}: first effect of what was left after ${
      Math.round(tookMs)
    } ms, a handler of ${slowMs} ms before it included`,
  );
  assert.deepEqual(copies, { left: 1 });
  return tookMs;
}

Deno.test({
  name:
    "what a killed process left on a SQLite file the next one does at once, and not after missed heartbeats",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using home = await folder();
    await requireTakenOver(home.path, () => new Server("sqlite", `${home.path}/store`));
  },
});

for (const by of ["the next", "another"] as const) {
  postgresTest(
    `what a killed process left on PostgreSQL ${by} one does soon, and not after missed heartbeats`,
    async ({ own }) => {
      const { url } = await own();
      const tookMs = await killed(["postgres", url], by);
      assert.ok(tookMs < missedMs, `${tookMs} ms`);
    },
  );
}
