// What must be true of processes on one SQLite file, whatever runtime they run on.

import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import {
  beginTraffic,
  killAgainAndAgain,
  patienceMs,
  post,
  requireReplies,
  type ServerProcess,
  settledFaults,
  wait,
} from "./crash_fleet.ts";

/** Without a lock the next process would have to wait for three missed heartbeats of 2 s. */
const missedMs = 6_000;

/**
 * Two processes on one file, one of which is killed again and again while clients send to both: nothing is lost, and
 * nothing doubled.
 */
export async function requireNothingLost(
  start: () => ServerProcess,
  { seed, rounds, budgetMs }: { readonly seed: number; readonly rounds: number; readonly budgetMs: number },
): Promise<void> {
  const steady = await start().begin();
  let server = await start().begin();
  let next = start();
  let turn = 0;
  const traffic = beginTraffic(4, seed, () => turn++ % 2 === 0 ? steady.url : server.url);
  const kills = await killAgainAndAgain(rounds, budgetMs, seededRandom(seed), traffic, async () => {
    await server.kill();
    server = await next.begin();
    next = start();
  });
  await traffic.stop();
  const faults = await settledFaults(server, traffic.sent);
  const accepted = traffic.sent.filter((each) => each.accepted).length;
  console.log(`two on one file: ${kills} kills, ${accepted} accepted, ${traffic.repeats} repeated`);
  if (faults.length === 0) await requireReplies(steady, traffic.sent);
  for (const each of [steady, server]) await each.kill();
  await next.discard();
  assert.deepEqual(faults.slice(0, 10), [], `${faults.length} faults, seed ${seed}`);
  assert.ok(kills > 0 && accepted >= kills, `${kills} kills, ${accepted} accepted`);
}

/** What a process that is killed leaves on a file in a folder the next one does at once, and not after missed heartbeats. */
export async function requireTakenOver(folder: string, start: () => ServerProcess): Promise<void> {
  const first = await start().begin();
  const next = start();
  await (await post(first.url!, "actors/tally/t0/slow", { delayMs: 200 })).body?.cancel();
  await (await post(first.url!, "actors/tally/t0/add", { id: "left" })).body?.cancel();
  await first.kill();
  const beganMs = performance.now();
  await next.begin();
  let copies: Record<string, number> = {};
  while (copies.left === undefined && performance.now() - beganMs < patienceMs) {
    await wait(20);
    // of another actor: this one gets its message only when the first runs
    copies = await (await post(next.url!, "actors/tally/copies/counts", undefined)).json();
  }
  const tookMs = performance.now() - beganMs;
  const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.includes("alive"));
  await next.kill();
  console.log(
    `first effect of what was left after ${Math.round(tookMs)} ms, a handler of 200 ms before it included`,
  );
  assert.deepEqual(copies, { left: 1 });
  assert.ok(tookMs < missedMs, `${tookMs} ms`);
  assert.equal(files.length, 1, "the file of the killed one is gone");
}
