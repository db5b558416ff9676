import assert from "node:assert/strict";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Handover } from "../../../../adapters/transports/rabbitmq/handover.ts";
import type { Message } from "../../../../adapters/transports/rabbitmq/client.ts";
import { inboxOf, Taker } from "./bench.ts";

function stage({ batchMax = 10 } = {}) {
  const clock = new VirtualClock();
  const taker = new Taker();
  const batches: number[][] = [];
  const failures: unknown[] = [];
  const handover = new Handover({
    channel: inboxOf("order"),
    shard: "order",
    receiver: taker,
    batchMax,
    clock,
    taken(messages, rejected) {
      batches.push(messages.map(({ deliveryTag }) => deliveryTag), ...rejected.map(() => []));
      return Promise.resolve();
    },
    failed: (error) => void failures.push(error),
  });
  let tag = 0;
  const add = (more: Partial<Message> = {}) =>
    handover.add({
      deliveryTag: ++tag,
      redelivered: false,
      exchange: "order",
      routingKey: "ada",
      body: new Uint8Array(),
      messageId: `m${tag}`,
      ...more,
    });
  return { clock, taker, batches, failures, handover, add };
}

Deno.test("what arrives together is one batch, up to its bounds in number and in bytes", async () => {
  const { clock, batches, add } = stage({ batchMax: 3 });
  for (let count = 0; count < 4; count++) add();
  add({ body: new Uint8Array(3_000_000) });
  add({ body: new Uint8Array(3_000_000) });
  add({ body: new Uint8Array(9_000_000) });
  await clock.settle();
  assert.deepEqual(batches, [[1, 2, 3], [4, 5], [6], [7]]);
});

Deno.test("a tenure begins with its first message, and once", async () => {
  const { clock, taker, add } = stage();
  await clock.settle();
  assert.equal(taker.tenures.size, 0);
  add();
  await clock.settle();
  add();
  await clock.settle();
  assert.equal(taker.tenures.size, 1);
});

Deno.test("what has expired is acknowledged and not handed over, and does not shift what is rejected", async () => {
  const { clock, taker, batches, add } = stage();
  taker.reject = ({ id }) => id === "m3" ? "unreadable" : undefined;
  add({ headers: { "posthorn-deadline": String(clock.now() - 1) } });
  add();
  add();
  await clock.settle();
  assert.deepEqual(taker.ids, ["m2", "m3"]);
  assert.deepEqual(batches, [[1, 2, 3], []]);
});

Deno.test("after a stop the batch under way is settled, and no other one begins", async () => {
  const { clock, taker, batches, handover, add } = stage({ batchMax: 2 });
  const release = Promise.withResolvers<void>();
  taker.before = () => release.promise;
  for (let count = 0; count < 5; count++) add();
  await clock.settle();
  let stopped = false;
  const stopping = handover.stop().then(() => stopped = true);
  await clock.settle();
  assert.equal(stopped, false);
  release.resolve();
  await stopping;
  assert.deepEqual(batches, [[1, 2]]);
  assert.ok(handover.signal.aborted);
});

Deno.test("a batch that is taken after the end of its tenure is not acknowledged", async () => {
  const { clock, taker, batches, handover, add } = stage();
  const release = Promise.withResolvers<void>();
  taker.before = () => release.promise;
  add();
  await clock.settle();
  handover.end();
  release.resolve();
  await clock.settle();
  assert.deepEqual([batches, taker.ids], [[], ["m1"]]);
});

Deno.test("a receiver that rejects fails the tenure, and what waits behind is not handed over", async () => {
  const { clock, taker, batches, failures, handover, add } = stage({ batchMax: 1 });
  taker.before = () => Promise.reject(new Error("store away"));
  add();
  add();
  await clock.settle();
  assert.equal(failures.length, 1);
  assert.deepEqual(batches, []);
  handover.end();
});

Deno.test("a batch is acknowledged a turn of the event loop after it was taken: replies that are ready go first", async () => {
  const { clock, taker, handover, batches, add } = stage();
  const events: string[] = [];
  const macrotask = clock.macrotask.bind(clock);
  clock.macrotask = (callback) => {
    events.push(`turn, ${batches.length} acknowledged`);
    macrotask(callback);
  };
  taker.before = () => Promise.resolve(void events.push("taken"));
  add();
  await clock.settle();
  assert.deepEqual(events, ["turn, 0 acknowledged", "taken", "turn, 0 acknowledged"]);
  assert.deepEqual(batches, [[1]]);
  await handover.stop();
});
