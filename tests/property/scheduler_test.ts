import assert from "node:assert/strict";
import fc from "fast-check";
import { Scheduler } from "../../runtime/scheduling/scheduler.ts";
import { LoopClock, Work } from "../runtime/scheduling/loop_clock.ts";

const works = fc.array(
  fc.record({
    left: fc.integer({ min: 1, max: 60 }),
    costMs: fc.constantFrom(0, 0.01, 0.4, 3),
    /** The mailbox to which it sends one more message when it runs. */
    wakes: fc.nat(9),
  }),
  { minLength: 1, maxLength: 10 },
);

Deno.test("Scheduler makes a mailbox wait for at most one run of each other one, and no run exceeds its throughput", async () => {
  await fc.assert(
    fc.asyncProperty(works, fc.integer({ min: 1, max: 20 }), async (parts, throughput) => {
      const clock = new LoopClock();
      const scheduler = new Scheduler(clock, { throughput, mailboxMs: 1, sliceMs: 2 }, () => {});
      const runs: Work[] = [];
      const readySince = new Map<Work, number>();
      let wakes = 200;
      const add = (work: Work) => {
        readySince.set(work, runs.length);
        scheduler.add(work);
      };
      const all: Work[] = parts.map(({ left, costMs, wakes: other }, index) =>
        new Work(`${index}`, left, costMs, clock, (work, count) => {
          assert(count <= throughput);
          const before = runs.slice(readySince.get(work));
          assert.equal(new Set(before).size, before.length, "another ran twice in the meantime");
          runs.push(work);
          if (work.left > 0) readySince.set(work, runs.length);
          else readySince.delete(work);
          const next = all[other % all.length];
          if (next === work || wakes-- <= 0) return;
          next.left++;
          if (!readySince.has(next)) add(next);
        })
      );
      for (const work of all) add(work);
      await Promise.resolve();
      while (clock.turn());
      assert.equal(scheduler.busy, false);
      assert.deepEqual(all.map(({ left }) => left), all.map(() => 0));
    }),
    { seed: 5, numRuns: 200 },
  );
});
