// Pauses at any moment change nothing of what is handled, nor of its order.

import assert from "node:assert/strict";
import fc from "fast-check";
import { fail, note, notesOf, Stage, Worker, worker, type WorkerContext } from "../runtime/memory_stage.ts";

const behaviours = {
  done: () => {},
  slow: (it: Stage) => new Promise<void>((resolve) => void it.clock.setTimer(5, resolve)),
  soon: () => Promise.resolve(),
  flaky: (_it: Stage, attempt: number) => attempt < 3 ? fail() : undefined,
};

const keys = ["ada", "bob", "cem"] as const;

const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        does: fc.constant("send" as const),
        to: fc.constantFrom(...keys),
        behaviour: fc.constantFrom(...Object.keys(behaviours) as (keyof typeof behaviours)[]),
      }),
    },
    { weight: 2, arbitrary: fc.record({ does: fc.constantFrom("pause" as const, "resume" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        does: fc.constantFrom("passivate" as const, "restart" as const),
        to: fc.constantFrom(...keys),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ does: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 8 }) }),
    },
  ),
  { maxLength: 60, size: "max" },
);

Deno.test("a protocol that is paused and resumed handles each message once and in order, and none while it is paused", async () => {
  const options = fc.record({
    throughput: fc.integer({ min: 1, max: 5 }),
    concurrency: fc.constantFrom(undefined, 1, 2),
  });
  await fc.assert(
    fc.asyncProperty(steps, options, async (steps, { throughput, concurrency }) => {
      const limited = concurrency === undefined ? {} : { concurrency };
      const actors = [worker({ retry: { baseMs: 10 }, onFailure: "resume", ...limited })];
      await using it = new Stage({ actors, scheduler: { throughput } });
      const { control } = it.system;
      let isPaused = false;
      const sent = new Map<string, string[]>(keys.map((key) => [key, []]));
      for (const [index, step] of steps.entries()) {
        if (step.does === "send") {
          const label = `${index}`;
          sent.get(step.to)!.push(label);
          void it.ref(step.to).tell(Worker.run, async (ctx: WorkerContext) => {
            assert.equal(isPaused, false, "a turn begins of what is paused");
            await behaviours[step.behaviour](it, ctx.attempt);
            note(ctx, label);
          });
        } else if (step.does === "wait") await it.clock.advance(step.ms);
        else if ("to" in step) it.system.signal({ protocol: "worker", key: step.to }, step.does);
        else {
          if (step.does === "resume") isPaused = false;
          await control[step.does]("worker");
          isPaused = step.does === "pause";
        }
      }
      isPaused = false;
      await control.resume("worker");
      await it.clock.advance(100_000);
      for (const [key, labels] of sent) assert.deepEqual(await notesOf(it.ref(key)), labels);
      assert.deepEqual(it.dead, []);
      assert.equal(it.system.stats().waiting, 0);
    }),
    { seed: 11, numRuns: 80 },
  );
});
