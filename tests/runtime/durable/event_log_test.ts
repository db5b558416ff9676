import assert from "node:assert/strict";
import { memoryStore, type StoreConnection } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { EventLog } from "../../../runtime/durable/event_log.ts";
import { eventKey } from "../../../runtime/durable/keys.ts";
import { Ledger } from "../../../runtime/durable/ledger.ts";
import { encodeValue } from "../../../runtime/durable/stored_value.ts";

/** A log on a store whose lists can be held back after they have read. */
async function logOn(): Promise<{
  readonly log: EventLog;
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
  const ledger = new Ledger("instance", slow, store.traits, clock, seededRandom(1));
  return {
    log: new EventLog(ledger, (error) => {
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

Deno.test("those who stand at one place read once", async () => {
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

Deno.test("who is woken does not share a read that began before", async () => {
  const { log, clock, hold, publish } = await logOn();
  const heard: string[] = [];
  log.follow("topic", 0, ({ number }) => void heard.push(`first ${number}`));
  await clock.settle();
  const { promise, resolve } = Promise.withResolvers<void>();
  hold(promise);
  log.follow("topic", 0, ({ number }) => void heard.push(`second ${number}`)); // it reads, and there is nothing yet
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
