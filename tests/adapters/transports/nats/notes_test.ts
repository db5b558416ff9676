import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Kept, Notes } from "../../../../adapters/transports/nats/notes.ts";

Deno.test("a position is noted at most once a second, and at the end", async () => {
  const clock = new VirtualClock();
  const noted: number[] = [];
  const notes = new Notes(clock, (position) => Promise.resolve(void noted.push(position)));
  for (const position of [1, 2, 3]) notes.accept(position);
  await clock.advance(1_000);
  assert.deepEqual(noted, [3]);
  notes.accept(4);
  await notes.end(true);
  assert.deepEqual(noted, [3, 4]);
  await clock.advance(5_000);
  assert.deepEqual(noted, [3, 4], "nothing is left that would note");
});

Deno.test("a note that fails is made up for by the next, and none is made if it cannot be", async () => {
  const clock = new VirtualClock();
  const noted: number[] = [];
  let isAway = true;
  const notes = new Notes(clock, (position) => {
    if (isAway) return Promise.reject(new Error("away"));
    return Promise.resolve(void noted.push(position));
  });
  notes.accept(1);
  await clock.advance(1_000);
  isAway = false;
  await notes.end(true);
  assert.deepEqual(noted, [1]);
  notes.accept(2);
  await notes.end(false);
  assert.deepEqual(noted, [1]);
});

Deno.test("what was accepted last stays, within its bounds in count and bytes", () => {
  const kept = new Kept();
  for (let position = 100; position <= 10_000; position += 100) kept.add(position, 100, 1_000);
  assert.equal(kept.behind(), undefined);
  kept.add(10_100, 100, 1_000);
  assert.equal(kept.behind(), 100);
  assert.equal(kept.behind(), undefined, "it is told once");
  kept.add(10_101, 1, 16_777_216);
  assert.equal(kept.behind(), 10_100);
});
