import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { PostgresExpiry } from "../../../../adapters/stores/postgres/expiry.ts";

Deno.test("postgres: what has expired does not accumulate, although each process writes a little and ends", async () => {
  const clock = new VirtualClock();
  const random = seededRandom(1);
  let rows = 0;
  let most = 0;
  let steps = 0;
  const expire = (_: number, count: number) => {
    const gone = Math.min(rows, count);
    rows -= gone;
    steps++;
    return Promise.resolve(gone);
  };
  for (let starts = 0; starts < 20_000; starts++) { // a worker makes a system for each request
    const expiry = new PostgresExpiry(clock, random, expire);
    rows++;
    expiry.share(1);
    await expiry.end();
    most = Math.max(most, rows);
  }
  assert.ok(most < 2_000, `there were ${most}`);
  assert.ok(steps < 200, `${steps} steps for 20,000 rows`);
});
