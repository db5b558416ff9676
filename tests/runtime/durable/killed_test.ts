// A real process that is killed, and the messages that it leaves.

import assert from "node:assert/strict";
import { folder, patienceMs, post, Server, wait } from "./crash_fleet.ts";

/** Without a lock the next process would have to wait for three missed heartbeats of 2 s. */
const missedMs = 6_000;

async function copiesAt(url: string): Promise<Record<string, number>> {
  return await (await post(url, "actors/tally/copies/counts", undefined)).json();
}

Deno.test({
  name:
    "what a killed process left on a SQLite file the next one does at once, and not after missed heartbeats",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using home = await folder();
    const args = ["sqlite", `${home.path}/store`];
    const first = await new Server(...args).begin();
    const next = new Server(...args);
    await (await post(first.url!, "actors/tally/t0/slow", { delayMs: 200 })).body?.cancel();
    await (await post(first.url!, "actors/tally/t0/add", { id: "left" })).body?.cancel();
    await first.kill();
    const beganMs = performance.now();
    await next.begin();
    let copies: Record<string, number> = {};
    while (copies.left === undefined && performance.now() - beganMs < patienceMs) {
      await wait(20);
      // of another actor: this one gets its message only when the first runs
      copies = await copiesAt(next.url!);
    }
    const tookMs = performance.now() - beganMs;
    const files = [...Deno.readDirSync(home.path)].map(({ name }) => name).filter((name) =>
      name.includes("alive")
    );
    await next.kill();
    console.log(
      `first effect of what was left after ${Math.round(tookMs)} ms, a handler of 200 ms before it included`,
    );
    assert.deepEqual(copies, { left: 1 });
    assert.ok(tookMs < missedMs, `${tookMs} ms`);
    assert.equal(files.length, 1, "the file of the killed one is gone");
  },
});
