import assert from "node:assert/strict";
import fc from "fast-check";
import { Ring } from "../../runtime/ring.ts";
import { drain, routeOf, takeFrom } from "../runtime/mail.ts";

interface Step {
  readonly kind: "push" | "unshift" | "drop";
  readonly count: number;
}

/** Long runs, so that many a queue grows to its largest ring, into several chunks behind it, and back. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("push" as const), count: fc.nat(1_500) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("drop" as const), count: fc.nat(1_500) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("unshift" as const), count: fc.nat(40) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("push", "unshift", "drop"), count: fc.nat(9) }) },
);

/** What a counter of places is when it has nearly wrapped around, or has just done so. */
const begins = fc.constantFrom(0, 2 ** 31 - 20, -(2 ** 31), -20);

/** A ring that has counted so far already. */
function ringFrom(places: number): Ring {
  const ring = new Ring();
  Object.assign(ring, { head: places | 0, tail: places | 0 });
  return ring;
}

Deno.test("Ring behaves as an array does, over growth, chunks and counters that wrap around", () => {
  let longest = 0;
  fc.assert(
    fc.property(begins, fc.array(step, { maxLength: 30, size: "max" }), (begin, steps) => {
      const model: number[] = [];
      const ring = ringFrom(begin);
      let last = 0;
      for (const { kind, count } of steps) {
        for (let times = 0; times < count; times++) {
          if (kind === "push") {
            model.push(++last);
            ring.push(routeOf(last), last);
          } else if (kind === "unshift") {
            model.unshift(++last);
            ring.unshift(routeOf(last), last);
          } else if (model.length > 0) {
            assert.equal(takeFrom(ring), model.shift());
          }
        }
        assert.equal(ring.length, model.length);
        assert.equal(ring.empty, model.length === 0);
        longest = Math.max(longest, model.length);
      }
      assert.deepEqual(drain(ring), model);
      assert(ring.empty);
    }),
    { seed: 2, numRuns: 150 },
  );
  assert(longest > 4_000, "no queue was longer than its ring and two chunks");
});
