import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import fc from "fast-check";
import { Expiring, ExpiryList } from "../../../runtime/scheduling/expiry_list.ts";
import { Timers } from "../../../runtime/scheduling/timers.ts";

class Item extends Expiring {
  readonly name: string;

  constructor(name: string) {
    super();
    this.name = name;
  }
}

class Bench {
  readonly clock = new VirtualClock();
  readonly timers = new Timers(this.clock);
  readonly expired: string[] = [];
  readonly list: ExpiryList<Item>;

  constructor(keepMs: number, onExpired: (item: Item) => void = () => {}) {
    this.list = new ExpiryList(keepMs, this.timers, (item: Item) => {
      this.expired.push(item.name);
      onExpired(item);
    });
  }
}

Deno.test("an ExpiryList has one timer, however many are kept, and none when nothing is", async () => {
  const { list, timers, clock, expired } = new Bench(1_000);
  const early = itemsOf("early");
  for (const item of early) list.add(item);
  await clock.advance(400);
  const late = itemsOf("late");
  for (const item of late) list.add(item);
  assert.equal(timers.size, 1);
  await clock.advance(600);
  assert.deepEqual([timers.size, expired.length], [1, 500]);
  for (const item of late) list.delete(item);
  assert.equal(timers.size, 0);
  list.add(early[0]);
  await clock.advance(1_000);
  assert.deepEqual([timers.size, expired.at(-1)], [0, "early 0"]);
});

Deno.test("an ExpiryList that keeps for ever has nothing to do", () => {
  const { list, timers } = new Bench(Infinity);
  const item = new Item("kept");
  list.add(item);
  list.delete(item);
  assert.deepEqual([timers.size, list.leftMs(item)], [0, Infinity]);
});

Deno.test("a callback of an ExpiryList may add and delete other items", async () => {
  const clock = new VirtualClock();
  const expired: string[] = [];
  const timers = new Timers(clock);
  const [first, second, third] = ["first", "second", "third"].map((name) => new Item(name));
  const list: ExpiryList<Item> = new ExpiryList(10, timers, (item) => {
    expired.push(item.name);
    list.delete(second);
    if (item === first) list.add(third);
  });
  list.add(first);
  list.add(second);
  await clock.advance(10);
  assert.deepEqual(expired, ["first"]);
  await clock.advance(10);
  assert.deepEqual([expired, timers.size], [["first", "third"], 0]);
});

Deno.test("an item that a callback of an ExpiryList adds delays no other", async () => {
  const { clock, timers, list, expired } = new Bench(10, (item) => {
    if (item.name === "item 0") list.add(items[2]);
  });
  const items = itemsOf("item");
  list.add(items[0]);
  await clock.advance(5);
  list.add(items[1]);
  await clock.advance(5);
  assert.deepEqual([expired, timers.size], [["item 0"], 1]);
  await clock.advance(5);
  assert.deepEqual([expired, timers.size], [["item 0", "item 1"], 1]);
  await clock.advance(5);
  assert.deepEqual([expired, timers.size], [["item 0", "item 1", "item 2"], 0]);
});

const step = fc.oneof(
  fc.record({ add: fc.nat(5) }),
  fc.record({ delete: fc.nat(5) }),
  fc.record({ advance: fc.nat(80) }),
);

Deno.test("an ExpiryList calls back for each item when its time is over, no sooner and no later", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const { list, clock, expired } = new Bench(100);
    const other = new Bench(100).list;
    const items = itemsOf("item").slice(0, 6);
    const dueMs = new Map<Item, number>();
    const expected: string[] = [];
    for (const next of steps) {
      if ("add" in next) {
        const item = items[next.add];
        list.delete(item);
        list.add(item);
        dueMs.delete(item);
        dueMs.set(item, clock.monotonicMs() + 100);
      } else if ("delete" in next) {
        other.delete(items[next.delete]); // which is not in it
        list.delete(items[next.delete]);
        dueMs.delete(items[next.delete]);
      } else {
        await clock.advance(next.advance);
        for (const [item, atMs] of dueMs) {
          if (atMs > clock.monotonicMs()) continue;
          expected.push(item.name);
          dueMs.delete(item);
        }
      }
      assert.deepEqual(expired, expected);
      for (const [item, atMs] of dueMs) assert.equal(list.leftMs(item), atMs - clock.monotonicMs());
    }
  }));
});

function itemsOf(name: string): Item[] {
  return Array.from({ length: 500 }, (_, index) => new Item(`${name} ${index}`));
}
