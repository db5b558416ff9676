import assert from "node:assert/strict";
import fc from "fast-check";
import type { Overflow } from "@posthorn/posthorn";
import { Mailbox } from "../../runtime/mailbox.ts";

const signals = ["passivate", "restart", "forget"] as const;
type Signal = typeof signals[number];

/** A mailbox as a plain array would have it. */
class Model {
  readonly items: number[] = [];
  readonly lane: Signal[] = [];

  constructor(readonly capacity: number, readonly overflow: Overflow) {}

  offer(item: number): number | undefined {
    if (this.items.length < this.capacity) return void this.items.push(item);
    if (this.overflow !== "drop-oldest") return item;
    this.items.push(item);
    return this.items.shift();
  }

  signal(signal: Signal): void {
    if (!this.lane.includes(signal)) this.lane.push(signal);
  }
}

type Step = (model: Model, real: Mailbox<number, Signal>) => void;

function step(
  apply: (mailbox: Model["items"], real: Mailbox<number, Signal>) => readonly [unknown, unknown],
): Step {
  return (model, real) => assert.equal(...apply(model.items, real));
}

let item = 0;
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constant<Step>((model, real) => assert.equal(real.offer(++item), model.offer(item))),
  },
  { weight: 2, arbitrary: fc.constant(step((items, real) => [real.push(++item), void items.push(item)])) },
  {
    weight: 2,
    arbitrary: fc.constant(step((items, real) => [real.unshift(++item), void items.unshift(item)])),
  },
  { weight: 5, arbitrary: fc.constant(step((items, real) => [real.shift(), items.shift()])) },
  {
    weight: 1,
    arbitrary: fc.constant(step((items, real) => {
      while (items.length > 0) assert.equal(real.shift(), items.shift());
      return [real.release(), undefined];
    })),
  },
  { weight: 1, arbitrary: fc.constant(step((_items, real) => [real.release(), undefined])) },
  fc.constantFrom(...signals).map((signal): Step => (model, real) => {
    model.signal(signal);
    real.signal(signal);
  }),
  fc.constant<Step>((model, real) => assert.equal(real.takeSignal(), model.lane.shift())),
);

for (const overflow of ["reject", "drop-oldest", "drop-newest"] as const) {
  Deno.test(`Mailbox behaves as an array does, with ${overflow}`, () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.array(steps, { maxLength: 200, size: "max" }),
        (capacity, script) => {
          const model = new Model(capacity, overflow);
          const real = new Mailbox<number, Signal>(capacity, overflow);
          for (const apply of script) {
            apply(model, real);
            assert.equal(real.length, model.items.length);
            assert.equal(real.signalled, model.lane.length > 0);
          }
          assert.deepEqual(model.items.map(() => real.shift()), model.items);
        },
      ),
      { seed: 1, numRuns: 300 },
    );
  });
}
