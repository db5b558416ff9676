import assert from "node:assert/strict";
import fc from "fast-check";
import { Ring } from "../../runtime/messages/ring.ts";
import { drain, routeOf, takeFrom } from "../runtime/messages/mail.ts";

interface Step {
  readonly kind: "push" | "unshift" | "drop";
  readonly count: number;
}

/** Long runs, so that many queues grow to their largest chunks, to several of them, and shrink again. */
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("push" as const), count: fc.nat(1_500) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("drop" as const), count: fc.nat(1_500) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("unshift" as const), count: fc.nat(40) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("push", "unshift", "drop"), count: fc.nat(9) }) },
);

Deno.test("Ring behaves as an array does, however much is taken from it, put back and put behind", () => {
  let longest = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: "max" }), (steps) => {
      const model: number[] = [];
      const ring = new Ring();
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
        assert.deepEqual(Array.from(ring.queued(), ({ route }) => route.causationId), model);
        longest = Math.max(longest, model.length);
      }
      assert.deepEqual(drain(ring), model);
      assert(ring.empty);
    }),
    { seed: 2, numRuns: 150 },
  );
  assert(longest > 4_000, "no queue was longer than several of the largest chunks");
});
