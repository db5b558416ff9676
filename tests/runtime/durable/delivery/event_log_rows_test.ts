import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import type { StoreConnection } from "@posthorn/posthorn/store";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { EventLogRows } from "../../../../runtime/durable/delivery/event_log_rows.ts";
import { eventKey } from "../../../../runtime/durable/rows/keys.ts";
import { StoreSession } from "../../../../runtime/durable/commits/store_session.ts";
import { encodeValue } from "../../../../runtime/durable/rows/value_codec.ts";

/** A log on a store whose lists can be delayed after they have read. */
async function logOn(): Promise<{
  readonly log: EventLogRows;
  readonly clock: VirtualClock;
  readonly lists: () => number;
  hold(until: Promise<void> | undefined): void;
  publish(number: number): Promise<unknown>;
}> {
  const clock = new VirtualClock();
  const store = memoryStore();
  const connection = await store.open({ clock });
  let held: Promise<void> | undefined;
  let lists = 0;
  const slow: StoreConnection = {
    read: (keys) => connection.read(keys),
    list: async (range) => {
      lists++;
      const rows = await connection.list(range);
      await held;
      return rows;
    },
    commit: (parts) => connection.commit(parts),
    watch: (onChange) => connection.watch(onChange),
    close: () => connection.close(),
  };
  const session = new StoreSession("instance", slow, store.traits, clock, seededRandom(1));
  return {
    log: new EventLogRows(session, (error) => {
      throw error;
    }),
    clock,
    lists: () => lists,
    hold: (until) => void (held = until),
    publish(number) {
      const value = encodeValue({ id: `${number}`, subject: "" }, JSON.stringify({ json: number }));
      return connection.commit([{
        checks: [],
        writes: [{ key: eventKey("topic", number), value }],
        removals: [],
      }]);
    },
  };
}

Deno.test("event log readers at one position share one read", async () => {
  const { log, clock, lists, publish } = await logOn();
  const heard: number[] = [];
  for (let n = 0; n < 10; n++) log.follow("topic", 0, ({ number }) => void heard.push(number));
  await clock.settle();
  const before = lists();
  await publish(1);
  log.wake("topic");
  await clock.settle();
  assert.equal(heard.length, 10);
  assert.equal(lists() - before, 1);
  log.end();
});

Deno.test("a reader that is woken does not share a read that started before", async () => {
  const { log, clock, hold, publish } = await logOn();
  const heard: string[] = [];
  log.follow("topic", 0, ({ number }) => void heard.push(`first ${number}`));
  await clock.settle();
  const { promise, resolve } = Promise.withResolvers<void>();
  hold(promise);
  // it reads, and there is no event yet
  log.follow("topic", 0, ({ number }) => void heard.push(`second ${number}`));
  await clock.settle();
  hold(undefined);
  await publish(1);
  log.wake("topic");
  await clock.settle();
  resolve();
  await clock.settle();
  assert.deepEqual(heard.toSorted(), ["first 1", "second 1"]);
  log.end();
});

/** The maximum number of promises awaited together during an action. */
async function waitedFor(act: () => Promise<void>): Promise<number> {
  const { all } = Promise;
  let count = 0;
  Promise.all = ((promises: unknown[]) => {
    count += promises.length;
    return all.call(Promise, promises);
  }) as typeof all;
  try {
    await act();
  } finally {
    Promise.all = all;
  }
  return count;
}

Deno.test("of many listeners that start together, each waits for little more than its own start", async () => {
  const { log, clock } = await logOn();
  const many = 500;
  let ready = 0;
  const count = await waitedFor(async () => {
    for (let n = 0; n < many; n++) {
      log.follow("topic", undefined, () => {});
      void log.whenFollowed(() => Promise.resolve(void ready++));
    }
    await clock.settle();
  });
  assert.equal(ready, many);
  assert.ok(count <= 6 * many, `${count} promises for ${many}`);
});

Deno.test("a publication waits for all listeners that have started, and for those that start again", async () => {
  const { log, clock, hold } = await logOn();
  const gate = Promise.withResolvers<void>();
  hold(gate.promise);
  for (let n = 0; n < 3; n++) log.follow("topic", undefined, () => {});
  const order: string[] = [];
  const told = (name: string) => () => Promise.resolve(void order.push(name));
  const first = assert.rejects(log.whenFollowed(told("first")), /away/);
  const gone = log.follow("topic", undefined, () => {});
  gone[Symbol.dispose]();
  gate.reject(new Error("away"));
  await first;
  const again = Promise.withResolvers<void>();
  hold(again.promise);
  await clock.settle();
  const second = log.whenFollowed(told("second"));
  await clock.advance(2_000);
  assert.deepEqual(order, []); // they have not started yet
  again.resolve();
  await clock.settle();
  await second;
  assert.deepEqual(order, ["second"]);
  await log.whenFollowed(told("third"));
  assert.deepEqual(order, ["second", "third"]);
});

Deno.test("a follower that ends before it has begun stops no publication, although the store does not answer it", async () => {
  const { log, clock, hold } = await logOn();
  const gate = Promise.withResolvers<void>();
  hold(gate.promise);
  const gone = log.follow("topic", undefined, () => {});
  let published = false;
  const publishing = log.whenFollowed(() => Promise.resolve(void (published = true)));
  gone[Symbol.dispose]();
  gate.reject(new Error("away"));
  await publishing;
  assert.equal(published, true);
  await clock.settle();
  log.end();
});
