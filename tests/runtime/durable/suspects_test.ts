import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Suspects, type Trial } from "../../../runtime/durable/suspects.ts";
import { Timers } from "../../../runtime/timers.ts";

class Court {
  readonly clock = new VirtualClock();
  readonly suspects = new Suspects(new Timers(this.clock));
  readonly entered: string[] = [];
  readonly trials = new Map<string, Trial>();

  enter(name: string, attempt: number): void {
    this.suspects.enter(attempt, (trial) => {
      this.entered.push(name);
      this.trials.set(name, trial);
    });
  }

  enterMany(count: number): void {
    for (let index = 0; index < count; index++) this.enter(`${index}`, 1);
  }
}

Deno.test("Suspects: 25 begin together, and more when those await something", () => {
  const court = new Court();
  court.enterMany(200);
  assert.equal(court.entered.length, 25);
  for (let index = 0; index < 25; index++) court.trials.get(`${index}`)!.awaits();
  assert.equal(court.entered.length, 25 + 18); // 25 of 100 places are taken by those that await, 4 by each other
  for (let round = 0; round < 20; round++) for (const trial of [...court.trials.values()]) trial.awaits();
  assert.equal(court.entered.length, 100 - 3);
  court.trials.get("0")!.end();
  assert.equal(court.entered.length, 98);
});

Deno.test("Suspects: from the second attempt on one is alone, in its turn", () => {
  const court = new Court();
  court.enter("a", 1);
  court.enter("b", 2);
  court.enter("c", 1);
  assert.deepEqual(court.entered, ["a"]);
  court.trials.get("a")!.end();
  assert.deepEqual(court.entered, ["a", "b"]);
  court.trials.get("b")!.awaits();
  assert.deepEqual(court.entered, ["a", "b"], "it stays alone while it awaits");
  court.trials.get("b")!.end();
  assert.deepEqual(court.entered, ["a", "b", "c"]);
});

Deno.test("Suspects: one that does not end keeps the others out for a bounded time, longer at each attempt", async () => {
  const waits: number[] = [];
  for (let attempt = 2; attempt <= 9; attempt++) {
    const court = new Court();
    court.enter("hangs", attempt);
    court.enter("next", 2);
    const beganMs = court.clock.monotonicMs();
    while (court.entered.length < 2) await court.clock.advance(500);
    waits.push(court.clock.monotonicMs() - beganMs);
    court.trials.get("hangs")!.end(); // late, and it frees nothing twice
    court.enter("last", 1);
    assert.deepEqual(court.entered, ["hangs", "next"]);
  }
  assert.deepEqual(waits, [2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
});
