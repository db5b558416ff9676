// Two real processes on one SQLite file: one is killed, and each is notified of the other's commits.

import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import {
  beginTraffic,
  folder,
  killAgainAndAgain,
  patienceMs,
  post,
  requireReplies,
  Server,
  settledFaults,
  wait,
} from "./crash_fleet.ts";

const seed = Number(Deno.env.get("CRASH_SEED") ?? 1);

Deno.test("two servers on one SQLite file, one of them killed again and again: nothing lost, nothing doubled", async () => {
  await using home = await folder();
  const args = ["sqlite", `${home.path}/store`];
  const random = seededRandom(seed + 1);
  const steady = await new Server(...args).begin();
  let server = await new Server(...args).begin();
  let next = new Server(...args);
  let turn = 0;
  const traffic = beginTraffic(4, seed + 1, () => turn++ % 2 === 0 ? steady.url : server.url);
  const kills = await killAgainAndAgain(12, 12_000, random, traffic, async () => {
    await server.kill();
    server = await next.begin();
    next = new Server(...args);
  });
  await traffic.stop();
  const faults = await settledFaults(server, traffic.sent);
  const accepted = traffic.sent.filter((each) => each.accepted).length;
  console.log(`two on sqlite: ${kills} kills, ${accepted} accepted, ${traffic.repeats} repeated`);
  if (faults.length === 0) await requireReplies(steady, traffic.sent);
  for (const each of [steady, server]) await each.kill();
  await next.discard();
  assert.deepEqual(faults.slice(0, 10), [], `${faults.length} faults, seed ${seed + 1}`);
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
