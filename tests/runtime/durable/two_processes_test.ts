// Two real processes on one SQLite file: one is killed, and each is notified of the other's commits.

import assert from "node:assert/strict";
import { folder, patienceMs, post, Server, wait } from "./crash_fleet.ts";
import { requireNothingLost } from "./crash_proofs.ts";

const seed = Number(Deno.env.get("CRASH_SEED") ?? 1);

Deno.test("two servers on one SQLite file, one of them killed again and again: nothing lost, nothing doubled", async () => {
  await using home = await folder();
  const start = () => new Server("sqlite", `${home.path}/store`);
  await requireNothingLost(start, { seed: seed + 1, rounds: 12, budgetMs: 12_000 });
});

Deno.test("a process that waits for what another one does is notified within 50 ms", async () => {
  await using home = await folder();
  const args = ["sqlite", `${home.path}/store`];
  const [relay, remote] = await Promise.all([
    new Server(...args, "relay").begin(),
    new Server(...args, "remote").begin(),
  ]);
  const heard: number[] = [];
  for (let sample = 0; sample < 25; sample++) {
    const id = `slow-${sample}`;
    const delayMs = 60 + sample;
    const submitted = await post(remote.url!, `actors/tally/s${sample}/slow`, { delayMs }, id);
    await submitted.body?.cancel();
    const location = new URL(submitted.headers.get("location")!, relay.url!);
    const reply = await fetch(location, { headers: { prefer: "wait=10" } });
    assert.equal(reply.status, 200);
    heard.push(Date.now() - (await reply.json()).atMs);
    await (await post(relay.url!, "actors/relay/r/ping", {})).body?.cancel();
  }
  let pings: number[] = [];
  for (const untilMs = performance.now() + patienceMs; pings.length < 25 && performance.now() < untilMs;) {
    await wait(100);
    pings = await (await post(remote.url!, "actors/remote/main/latencies", undefined)).json();
  }
  for (const server of [relay, remote]) await server.kill();
  console.log(`heard after ${median(heard)} ms (p50), run there after ${median(pings)} ms (p50)`);
  assert.equal(pings.length, 25);
  assert.ok(median(heard) < 50, `replies: ${heard}`);
  assert.ok(median(pings) < 100, `messages: ${pings}`); // three commits, one of which is the reply
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}
