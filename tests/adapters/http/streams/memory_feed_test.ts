import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { MemoryFeed } from "../../../../adapters/http/streams/memory_feed.ts";
import { Order } from "../desk.ts";

/** A system without actors of its own, and a feed of two events. */
class Feeding implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly system = new System({ actors: [], clock: this.clock, random: seededRandom(1) });
  readonly feed: MemoryFeed;

  constructor(capacity = 3, bytesMax = 1_000) {
    this.feed = new MemoryFeed(this.system, [Order.settled, Order.paused], capacity, bytesMax);
  }

  async publish(...texts: string[]): Promise<void> {
    for (const text of texts) await this.system.publish(Order.paused, text);
    await this.clock.settle();
  }

  /** The data of all events that a cursor can still read. */
  rest(cursor: { next: number }): string[] {
    const data: string[] = [];
    for (let entry = this.feed.read(cursor); entry !== undefined; entry = this.feed.read(cursor)) {
      data.push(entry.data.json);
    }
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

Deno.test("MemoryFeed gives each reader all events from its position, in order", async () => {
  await using feeding = new Feeding();
  const early = feeding.feed.latest();
  await feeding.publish("a", "b");
  const late = feeding.feed.latest();
  await feeding.publish("c");
  assert.deepEqual([feeding.rest(early), feeding.rest(late)], [['"a"', '"b"', '"c"'], ['"c"']]);
});

Deno.test("MemoryFeed keeps event, subject and input of what was published", async () => {
  await using feeding = new Feeding();
  const cursor = feeding.feed.latest();
  await feeding.system.publish(Order.settled, { country: "de", cents: 1 });
  await feeding.clock.settle();
  const { event, tokens, data } = feeding.feed.read(cursor)!;
  assert.deepEqual([event, tokens, JSON.parse(data.json)], ["settled", ["de", "shop"], {
    country: "de",
    cents: 1,
  }]);
});

Deno.test("MemoryFeed begins again behind the id of any event that it keeps", async () => {
  await using feeding = new Feeding();
  const cursor = feeding.feed.latest();
  await feeding.publish("a", "b", "c");
  const ids = [1, 2, 3].map(() => feeding.feed.read(cursor)!.id);
  assert.equal(new Set(ids).size, 3);
  assert.deepEqual(ids.map((id) => feeding.rest(feeding.feed.after(id)!)), [['"b"', '"c"'], ['"c"'], []]);
});

Deno.test("MemoryFeed keeps no more events than its capacity, and reports readers that lost some", async () => {
  await using feeding = new Feeding(3);
  const [slow, quick] = [feeding.feed.latest(), feeding.feed.latest()];
  await feeding.publish("a", "b", "c", "d");
  assert.equal(feeding.feed.lost(slow), true);
  quick.next++;
  assert.equal(feeding.feed.lost(quick), false);
  assert.deepEqual(feeding.rest(quick), ['"b"', '"c"', '"d"']);
});

Deno.test("MemoryFeed knows that it cannot begin behind an event that it no longer keeps", async () => {
  await using feeding = new Feeding(2);
  const cursor = feeding.feed.latest();
  await feeding.publish("a");
  const { id } = feeding.feed.read(cursor)!;
  await feeding.publish("b", "c");
  assert.deepEqual(feeding.rest(feeding.feed.after(id)!), ['"b"', '"c"']);
  await feeding.publish("d");
  assert.equal(feeding.feed.after(id), undefined);
});

Deno.test("MemoryFeed keeps no more characters than its bound, and always the latest event", async () => {
  await using feeding = new Feeding(100, 10);
  const cursor = feeding.feed.latest();
  await feeding.publish("aaa", "bbb", "ccc");
  assert.equal(feeding.feed.lost(cursor), true);
  cursor.next++;
  assert.deepEqual(feeding.rest(cursor), ['"bbb"', '"ccc"']);
  await feeding.publish("d".repeat(50));
  assert.equal(feeding.feed.latest().next, 4);
  assert.deepEqual(feeding.rest({ next: 3 }), [`"${"d".repeat(50)}"`]);
});

Deno.test("MemoryFeed cannot begin behind an id that is not its own", async () => {
  await using feeding = new Feeding();
  await feeding.publish("a", "b");
  const cursor = { next: 0 };
  const { id } = feeding.feed.read(cursor)!;
  const epoch = id.split("-")[0];
  for (
    const strange of [
      "",
      "a",
      "0",
      epoch,
      `${epoch}-`,
      `${epoch}-2`,
      `${epoch}--1`,
      `${epoch}-0x1`,
      `${id}\n`,
    ]
  ) {
    assert.equal(feeding.feed.after(strange), undefined, strange);
  }
});

Deno.test("MemoryFeed cannot begin behind an id of another feed", async () => {
  await using feeding = new Feeding();
  const cursor = feeding.feed.latest();
  const later = new MemoryFeed(feeding.system, [Order.paused], 3, 100);
  await feeding.publish("a");
  const { id } = feeding.feed.read(cursor)!;
  assert.notEqual(feeding.feed.after(id), undefined);
  assert.equal(later.after(id), undefined);
});

Deno.test("MemoryFeed wakes each waiting reader once, at the next event", async () => {
  await using feeding = new Feeding();
  let woken = 0;
  feeding.feed.wait(() => woken++);
  feeding.feed.wait(() => woken += 10)();
  await feeding.publish("a", "b");
  assert.equal(woken, 1);
});

Deno.test("MemoryFeed ends, and wakes waiting readers, when its system has stopped", async () => {
  await using feeding = new Feeding();
  let woken = 0;
  feeding.feed.wait(() => woken++);
  assert.equal(feeding.feed.ended, false);
  await feeding.system.stop();
  await feeding.clock.settle();
  assert.deepEqual([feeding.feed.ended, woken], [true, 1]);
});

Deno.test("MemoryFeed subscribes to all of its events or, if one subscription fails, to none", async () => {
  const clock = new VirtualClock();
  const system = new System({ actors: [], clock, random: seededRandom(1), limits: { actors: 3 } });
  assert.throws(() => new MemoryFeed(system, [Order.settled, Order.paused], 3, 100), {
    code: "too-many-actors",
  });
  await clock.settle();
  assert.equal(system.stats().protocols["~listener"].actors, 0);
  await system.stop();
});

Deno.test("MemoryFeed hands the same data to all readers of an event", async () => {
  await using feeding = new Feeding();
  const [one, other] = [feeding.feed.latest(), feeding.feed.latest()];
  await feeding.publish("a");
  const [first, second] = [feeding.feed.read(one)!.data, feeding.feed.read(other)!.data];
  assert.equal(first, second);
});
