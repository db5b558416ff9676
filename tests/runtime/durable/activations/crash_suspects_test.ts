import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { CrashSuspects, type Trial } from "../../../../runtime/durable/activations/crash_suspects.ts";
import { Timers } from "../../../../runtime/scheduling/timers.ts";

class Court {
  readonly clock = new VirtualClock();
  readonly suspects = new CrashSuspects(new Timers(this.clock));
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

Deno.test("CrashSuspects: 25 begin together, and more when those await something", () => {
  const court = new Court();
  court.enterMany(200);
  assert.equal(court.entered.length, 25);
  for (let index = 0; index < 25; index++) court.trials.get(`${index}`)!.awaits();
  // 25 of 100 slots are taken by those that await, 4 by each other
  assert.equal(court.entered.length, 25 + 18);
  for (let round = 0; round < 20; round++) for (const trial of [...court.trials.values()]) trial.awaits();
  assert.equal(court.entered.length, 100 - 3);
  court.trials.get("0")!.end();
  assert.equal(court.entered.length, 98);
});

Deno.test("CrashSuspects: from the second attempt on one is alone", () => {
  const court = new Court();
  court.enter("a", 1);
  court.enter("b", 2);
  assert.deepEqual(court.entered, ["a"]);
  court.trials.get("a")!.end();
  court.enter("c", 1);
  assert.deepEqual(court.entered, ["a", "b"]);
  court.trials.get("b")!.awaits();
  assert.deepEqual(court.entered, ["a", "b"], "it stays alone while it awaits");
  court.trials.get("b")!.end();
  assert.deepEqual(court.entered, ["a", "b", "c"]);
});

Deno.test("CrashSuspects: many that are tried alone and many that are not come in turns", () => {
  const court = new Court();
  court.enter("first", 2);
  for (let index = 0; index < 3; index++) court.enter(`alone ${index}`, 2);
  court.enterMany(250);
  const endAll = () => {
    for (const [name, trial] of [...court.trials]) {
      court.trials.delete(name);
      trial.end();
    }
  };
  while (court.trials.size > 0) endAll();
  assert.equal(court.entered.length, 254);
  const places = [0, 1, 2].map((index) => court.entered.indexOf(`alone ${index}`));
  assert.deepEqual(places, [101, 202, 253]);
});

Deno.test("CrashSuspects: any number may end as soon as they enter", () => {
  const suspects = new CrashSuspects(new Timers(new VirtualClock()));
  const first: Trial[] = [];
  suspects.enter(2, (trial) => first.push(trial));
  let entered = 0;
  for (let index = 0; index < 50_000; index++) {
    suspects.enter(1 + index % 2, (trial) => {
      entered++;
      trial.end();
    });
  }
  first[0].end();
  assert.equal(entered, 50_000);
});

Deno.test("CrashSuspects: one that does not end keeps the others out for a bounded time, longer at each attempt", async () => {
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 9; attempt++) {
    const court = new Court();
    court.enter("hangs", attempt);
    court.enter("next", 2);
    const beganMs = court.clock.monotonicMs();
    while (court.entered.length < 2) await court.clock.advance(250);
    waits.push(court.clock.monotonicMs() - beganMs);
    court.trials.get("hangs")!.end(); // late, and frees no slot twice
    court.enter("last", 1);
    assert.deepEqual(court.entered, ["hangs", "next"]);
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});
