import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { type Timer, Timers } from "../../runtime/scheduling/timers.ts";

type Step =
  | { readonly type: "set"; readonly delayMs: number }
  | { readonly type: "cancel"; readonly which: number }
  | { readonly type: "advance"; readonly byMs: number };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant("set" as const), delayMs: fc.nat(50) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("cancel" as const), which: fc.nat(300) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("advance" as const), byMs: fc.nat(20) }) },
);

Deno.test("Timers fire as a sorted list does", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { maxLength: 300, size: "max" }),
      fc.boolean(),
      async (script, leavesNone) => {
        const clock = new VirtualClock();
        const timers = new Timers(clock);
        timers.leavesNone = leavesNone;
        const fired: string[] = [];
        const expected: string[] = [];
        let waiting: { name: string; dueMs: number; timer: Timer }[] = [];
        const all: Timer[] = [];
        for (const [index, step] of [...script, { type: "advance", byMs: 50 } as const].entries()) {
          if (step.type === "set") {
            const name = `${index}`;
            const note = () => void fired.push(`${name} at ${clock.monotonicMs()}`);
            const timer = timers.set(step.delayMs, note);
            all.push(timer);
            waiting.push({ name, dueMs: clock.monotonicMs() + step.delayMs, timer });
          } else if (step.type === "cancel" && all.length > 0) {
            const timer = all[step.which % all.length];
            timer.cancel();
            waiting = waiting.filter((other) => other.timer !== timer);
          } else if (step.type === "advance") {
            await clock.advance(step.byMs);
            const due = waiting.filter(({ dueMs }) => dueMs <= clock.monotonicMs());
            due.sort((one, other) => one.dueMs - other.dueMs); // a stable sort keeps the order of equal times
            expected.push(...due.map(({ name, dueMs }) => `${name} at ${dueMs}`));
            waiting = waiting.filter((timer) => !due.includes(timer));
          }
          assert.equal(timers.size, waiting.length);
        }
        assert.deepEqual(fired, expected);
      },
    ),
    { seed: 2, numRuns: 60 },
  );
});
