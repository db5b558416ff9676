import assert from "node:assert/strict";
import fc from "fast-check";
import { RingBuffer } from "../../../runtime/base/ring_buffer.ts";

const step = fc.oneof(
  { weight: 5, arbitrary: fc.constant("add" as const) },
  { weight: 2, arbitrary: fc.nat(9).map((index) => ({ remove: index })) },
);

Deno.test("RingBuffer behaves as an array does that is cut at its beginning", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 7 }), fc.array(step, { maxLength: 60 }), (capacity, steps) => {
      const real = new RingBuffer<number>(capacity);
      const model: number[] = [];
      steps.forEach((step, number) => {
        if (step === "add") {
          model.push(number);
          assert.equal(real.add(number), model.length > capacity ? model.shift() : undefined);
        } else {
          const [item] = model.splice(step.remove, 1);
          real.remove(item ?? -1); // what is not there changes nothing
        }
        assert.deepEqual([...real.values()], model);
        assert.equal(real.size, model.length);
      });
    }),
    { numRuns: 500 },
  );
});
