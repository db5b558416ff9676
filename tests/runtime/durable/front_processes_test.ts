// A front and two workers on one SQLite file, of which one after the other is killed. All requests go to the front.

import assert from "node:assert/strict";
import { seededRandom } from "@posthorn/posthorn/testing";
import {
  beginTraffic,
  folder,
  killAgainAndAgain,
  post,
  requireReplies,
  Server,
  settledFaults,
} from "./crash_fleet.ts";

const seed = Number(Deno.env.get("CRASH_SEED") ?? 1);

Deno.test("a front and two workers, killed in turns: nothing lost, nothing doubled", async () => {
  await using home = await folder();
  const store = ["sqlite", `${home.path}/store`];
  const random = seededRandom(seed + 2);
  const argsOf = (place: number) => place === 0 ? [...store, "front"] : store;
  const servers = await Promise.all([0, 1, 2].map((place) => new Server(...argsOf(place)).begin()));
  const traffic = beginTraffic(4, seed + 2, () => servers[0].url);
  let place = 0;
  let next = new Server(...argsOf(place));
  const kills = await killAgainAndAgain(12, 15_000, random, traffic, async () => {
    await servers[place].kill();
    servers[place] = await next.begin();
    place = (place + 1) % servers.length;
    next = new Server(...argsOf(place));
  });
  await traffic.stop();
  const faults = await settledFaults(servers[0], traffic.sent); // asks through the front
  const accepted = traffic.sent.filter((each) => each.accepted).length;
  console.log(`a front: ${kills} kills, ${accepted} accepted, ${traffic.repeats} repeated`);
  if (faults.length === 0) await requireReplies(servers[0], traffic.sent);
  const times: number[] = [];
  for (let index = 0; index < 20; index++) {
    const beganMs = performance.now();
    await (await post(servers[0].url!, "actors/tally/idle/counts", undefined)).body?.cancel();
    times.push(performance.now() - beganMs);
  }
  console.log(`an ask through the front takes ${times.sort((a, b) => a - b)[10].toFixed(1)} ms (p50)`);
  for (const server of servers) await server.kill();
  await next.discard();
  assert.deepEqual(faults.slice(0, 10), [], `${faults.length} faults, seed ${seed + 2}`);
});
