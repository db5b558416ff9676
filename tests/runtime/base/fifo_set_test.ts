import assert from "node:assert/strict";
import fc from "fast-check";
import { FifoSet } from "../../../runtime/base/fifo_set.ts";

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ add: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ remove: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.constant({ take: true }) },
);

Deno.test("FifoSet gives up the oldest first, whatever is added and removed in between", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const real = new FifoSet<number>();
      let model: number[] = [];
      for (const step of steps) {
        if ("add" in step) {
          real.add(step.add);
          if (!model.includes(step.add)) model.push(step.add);
        } else if ("remove" in step) {
          real.delete(step.remove);
          model = model.filter((item) => item !== step.remove);
        } else {
          assert.equal(real.takeOldest(), model.shift());
        }
        assert.deepEqual([...real], model);
      }
    }),
    { numRuns: 500 },
  );
});
