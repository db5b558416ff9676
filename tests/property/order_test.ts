import assert from "node:assert/strict";
import fc from "fast-check";
import { fail, note, notesOf, Stage, Worker, worker, type WorkerContext } from "../runtime/memory_stage.ts";

const behaviours = {
  done: () => {},
  slow: (it: Stage) => new Promise<void>((resolve) => void it.clock.setTimer(5, resolve)),
  soon: () => Promise.resolve(),
  flaky: (_it: Stage, attempt: number) => attempt < 3 ? fail() : undefined,
};

const messages = fc.array(
  fc.record({
    /** The actor that sends it; absent if this process sends it. */
    from: fc.constantFrom("", "ann", "bea"),
    to: fc.constantFrom("xan", "yve"),
    behaviour: fc.constantFrom(...Object.keys(behaviours) as (keyof typeof behaviours)[]),
    thenMs: fc.constantFrom(0, 0, 0, 3),
  }),
  { maxLength: 60, size: "max" },
);

Deno.test("Runtime handles the messages of each sender to each receiver in the order of sending, whatever fails", async () => {
  await fc.assert(
    fc.asyncProperty(messages, fc.integer({ min: 1, max: 5 }), async (messages, throughput) => {
      const actors = [worker({ retry: { baseMs: 10 }, onFailure: "resume" })];
      await using it = new Stage({ actors, scheduler: { throughput } });
      for (const [index, { from, to, behaviour, thenMs }] of messages.entries()) {
        const label = `${from} ${index}`;
        const script = async (ctx: WorkerContext) => {
          await behaviours[behaviour](it, ctx.attempt);
          note(ctx, label);
        };
        if (from === "") void it.ref(to).tell(Worker.run, script);
        else void it.ref(from).tell(Worker.run, (ctx) => ctx.ref(Worker, to).tell(Worker.run, script));
        if (thenMs > 0) await it.clock.advance(thenMs);
      }
      await it.clock.advance(100_000);
      for (const to of ["xan", "yve"]) {
        const notes = await notesOf(it.ref(to)) as string[];
        for (const from of ["", "ann", "bea"]) {
          const sent = messages.flatMap((message, index) =>
            message.from === from && message.to === to ? [`${from} ${index}`] : []
          );
          assert.deepEqual(notes.filter((label) => label.startsWith(`${from} `)), sent);
        }
      }
    }),
    { seed: 7, numRuns: 60 },
  );
});
