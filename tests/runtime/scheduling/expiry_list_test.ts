import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { ExpiryList } from "../../../runtime/scheduling/expiry_list.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";

class Bench {
  readonly clock = new VirtualClock();
  readonly timers = new Timers(this.clock);
  readonly over: string[] = [];
  readonly list: ExpiryList<string>;

  constructor(keepMs: number) {
    const services = { timers: this.timers, monotonicMs: () => this.clock.monotonicMs() };
    this.list = new ExpiryList(keepMs, services, (name: string) => this.over.push(name));
  }
}

Deno.test("an ExpiryList has one timer, however many are kept, and none when nothing is", async () => {
  const { list, timers, clock, over } = new Bench(1_000);
  for (let index = 0; index < 500; index++) list.add(`early ${index}`);
  await clock.advance(400);
  for (let index = 0; index < 500; index++) list.add(`late ${index}`);
  assert.deepEqual([list.size, timers.size], [1_000, 1]);
  await clock.advance(600);
  assert.deepEqual([list.size, timers.size, over.length], [500, 1, 500]);
  for (let index = 0; index < 500; index++) list.delete(`late ${index}`);
  assert.deepEqual([list.size, timers.size], [0, 0]);
  list.add("again");
  await clock.advance(1_000);
  assert.deepEqual([list.size, timers.size, over.at(-1)], [0, 0, "again"]);
});

Deno.test("an ExpiryList that keeps for ever has nothing to do", () => {
  const { list, timers } = new Bench(Infinity);
  list.add("kept");
  list.delete("kept");
  assert.deepEqual([list.size, timers.size, list.leftMs("kept")], [0, 0, Infinity]);
});

Deno.test("a callback of an ExpiryList may add and remove other entries", async () => {
  const clock = new VirtualClock();
  const over: string[] = [];
  const services = { timers: new Timers(clock), monotonicMs: () => clock.monotonicMs() };
  const list: ExpiryList<string> = new ExpiryList(10, services, (name) => {
    over.push(name);
    list.delete("second");
    if (name === "first") list.add("third");
  });
  list.add("first");
  list.add("second");
  await clock.advance(10);
  assert.deepEqual(over, ["first"]);
  await clock.advance(10);
  assert.deepEqual([over, list.size], [["first", "third"], 0]);
});

const step = fc.oneof(
  fc.record({ add: fc.nat(5) }),
  fc.record({ delete: fc.nat(5) }),
  fc.record({ advance: fc.nat(80) }),
);

Deno.test("an ExpiryList tells of each when its time is over, no sooner and no later", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const { list, clock, over } = new Bench(100);
    const dueMs = new Map<string, number>();
    const expected: string[] = [];
    for (const next of steps) {
      if ("add" in next) {
        list.add(`${next.add}`);
        dueMs.delete(`${next.add}`);
        dueMs.set(`${next.add}`, clock.monotonicMs() + 100);
      } else if ("delete" in next) {
        list.delete(`${next.delete}`);
        dueMs.delete(`${next.delete}`);
      } else {
        await clock.advance(next.advance);
        for (const [name, atMs] of dueMs) {
          if (atMs > clock.monotonicMs()) continue;
          expected.push(name);
          dueMs.delete(name);
        }
      }
      assert.deepEqual([over, list.size], [expected, dueMs.size]);
      for (const [name, atMs] of dueMs) assert.equal(list.leftMs(name), atMs - clock.monotonicMs());
    }
  }));
});
