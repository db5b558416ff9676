import assert from "node:assert/strict";
import fc from "fast-check";
import type { Overflow } from "@posthorn/posthorn";
import { Mailbox } from "../../runtime/messages/mailbox.ts";
import { drain, routeOf, takeFrom } from "../runtime/messages/mail.ts";
import { note, notesOf, Stage, Worker, worker } from "../runtime/memory_stage.ts";

const signals = ["passivate", "restart", "erase"] as const;
type Signal = typeof signals[number];

/** The model of a mailbox: a plain array. */
interface Model {
  readonly items: number[];
  readonly lane: Signal[];
}

type Step = (model: Model, real: Mailbox<Signal>) => void;

let last = 0;
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constant<Step>(({ items }, real) => {
      items.push(++last);
      real.push(routeOf(last), last);
    }),
  },
  {
    weight: 2,
    arbitrary: fc.constant<Step>(({ items }, real) => {
      items.unshift(++last);
      real.unshift(routeOf(last), last);
    }),
  },
  {
    weight: 5,
    arbitrary: fc.constant<Step>(({ items }, real) => {
      if (items.length > 0) assert.equal(takeFrom(real), items.shift());
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>(({ items }, real) => {
      while (items.length > 0) assert.equal(takeFrom(real), items.shift());
      real.release();
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>((_model, real) => real.release()) },
  fc.constantFrom(...signals).map((signal): Step => ({ lane }, real) => {
    if (!lane.includes(signal)) lane.push(signal);
    real.signal(signal);
  }),
  fc.constant<Step>(({ lane }, real) => assert.equal(real.takeSignal(), lane.shift())),
);

Deno.test("Mailbox behaves as an array does, beside a lane for signals", () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 200, size: "max" }), (script) => {
      const model: Model = { items: [], lane: [] };
      const real = new Mailbox<Signal>();
      for (const apply of script) {
        apply(model, real);
        assert.equal(real.length, model.items.length);
        assert.equal(real.route?.causationId, model.items[0]);
        assert.equal(real.signalled, model.lane.length > 0);
      }
      assert.deepEqual(drain(real), model.items);
    }),
    { seed: 1, numRuns: 600 },
  );
});

/** The remaining messages of a bounded mailbox, and the dead letters in their order. */
function boundedModel(count: number, capacity: number, overflow: Overflow) {
  const kept: string[] = [];
  const dropped: string[] = [];
  let refused = 0;
  for (let value = 0; value < count; value++) {
    if (kept.length < capacity) kept.push(`${value}`);
    else if (overflow === "reject") refused++;
    else if (overflow === "drop-newest") dropped.push(`${value}`);
    else {
      dropped.push(kept.shift()!);
      kept.push(`${value}`);
    }
  }
  return { kept, dropped, refused };
}

for (const overflow of ["reject", "drop-oldest", "drop-newest"] as const) {
  for (const heard of [false, true]) {
    Deno.test(`Mailbox that is bounded behaves as an array does, with ${overflow}${heard ? " while somebody listens" : ""}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.nat(100), async (capacity, count) => {
          await using it = new Stage({ actors: [worker({ mailbox: { capacity, overflow } })] });
          if (heard) it.watch("stopped");
          const gate = Promise.withResolvers<void>();
          const ada = it.ref("ada");
          await ada.tell(Worker.run, () => gate.promise);
          await it.clock.settle();
          let refused = 0;
          for (let value = 0; value < count; value++) {
            await ada.tell(Worker.run, (ctx) => note(ctx, `${value}`)).catch(({ code }) => {
              assert.equal(code, "mailbox-full");
              refused++;
            });
          }
          const model = boundedModel(count, capacity, overflow);
          assert.equal(it.system.stats().waiting, model.kept.length);
          assert.equal(refused, model.refused);
          assert.deepEqual(it.dead, model.dropped.map(() => "ada run: dropped"));
          gate.resolve();
          await it.clock.settle();
          assert.deepEqual(await notesOf(ada), model.kept);
        }),
        { seed: 3, numRuns: 40 },
      );
    });
  }
}

for (const heard of [false, true]) {
  Deno.test(`Mailbox that turns have filled past its bound lets the oldest go for the newest, one for one${heard ? ", while somebody listens" : ""}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 9 }),
        fc.nat(100),
        fc.nat(9),
        async (capacity, own, more) => {
          await using it = new Stage({
            actors: [worker({ mailbox: { capacity, overflow: "drop-oldest" } })],
          });
          if (heard) it.watch("stopped");
          const ada = it.ref("ada");
          const gate = Promise.withResolvers<void>();
          await it.ref("bob").tell(Worker.run, (ctx) => {
            const to = ctx.ref(Worker, "ada");
            to.tell(Worker.run, () => gate.promise);
            for (let value = 0; value < own; value++) to.tell(Worker.run, (ctx) => note(ctx, `${value}`));
          });
          await it.clock.settle();
          const room = 10 * capacity;
          const kept = Array.from({ length: own }, (_, value) => `${value}`).slice(0, room - 1);
          const full = own - kept.length;
          let dropped = 0;
          for (let value = own; value < own + more; value++) {
            await ada.tell(Worker.run, (ctx) => note(ctx, `${value}`));
            if (kept.length >= capacity) dropped += Number(kept.shift() !== undefined);
            kept.push(`${value}`);
          }
          assert.equal(it.dead.filter((line) => line === "ada run: mailbox-full").length, full);
          assert.equal(it.dead.filter((line) => line === "ada run: dropped").length, dropped);
          gate.resolve();
          await it.clock.settle();
          assert.deepEqual(await notesOf(ada), kept);
        },
      ),
      { seed: 4, numRuns: 60 },
    );
  });
}
