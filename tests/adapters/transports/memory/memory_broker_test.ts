import assert from "node:assert/strict";
import { memoryBroker, type MemoryBrokerOptions, memoryTransport } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Channel, Delivery, Destination, TransportConnection } from "@posthorn/posthorn/transport";

const inbox: Channel = { kind: "inbox", protocol: "order", operations: [{ name: "add", mode: "tell" }] };
const to: Destination = { kind: "inbox", protocol: "order", key: "ada" };

/** A broker, and a service that has the inbox. */
async function start(options?: MemoryBrokerOptions) {
  const clock = new VirtualClock();
  const broker = memoryBroker(options);
  const open = (service: string): Promise<TransportConnection> =>
    memoryTransport({ broker }).open({
      clock,
      random: seededRandom(1),
      service,
      instance: service,
      store: service,
      report() {},
    });
  const taken: Delivery[] = [];
  const connection = await open("shop");
  let held: Promise<void> | undefined;
  connection.receive(inbox, {
    begin: () => Promise.resolve(undefined),
    async take(batch) {
      await held;
      taken.push(...batch);
      return batch.flatMap(({ id }, index) => id?.startsWith("bad") ? [{ index, reason: "not-wanted" }] : []);
    },
  });
  return {
    clock,
    broker,
    open,
    taken,
    connection,
    hold: (until: Promise<void>) => void (held = until),
  };
}

function message(id: string, bytes = 1) {
  return { to, id, body: new Uint8Array(bytes), headers: {} };
}

Deno.test("a full queue takes a prefix, says how full it is, and takes more when it was read", async () => {
  const { clock, open, taken, hold } = await start({ messages: 2 });
  const sender = await open("books");
  const { promise, resolve } = Promise.withResolvers<void>();
  hold(promise);
  const sending = sender.send([message("1"), message("2"), message("3")]);
  const words = "Cannot send to inbox order: it holds 2 of 2 messages";
  await assert.rejects(sending, { code: "transport-full", message: words });
  hold(Promise.resolve());
  resolve();
  await clock.settle();
  assert.deepEqual(await sender.send([message("3")]), [undefined]);
  await clock.settle();
  assert.deepEqual(taken.map(({ id }) => id), ["1", "2", "3"]);
});

Deno.test("a queue is full above 64 MiB of bodies, too", async () => {
  const { open, hold } = await start({ messageBytes: 2 ** 26 });
  hold(new Promise(() => {}));
  const sender = await open("books");
  await sender.send([message("1", 2 ** 26)]);
  await assert.rejects(sender.send([message("2")]), {
    code: "transport-full",
    message: /67108864 of 67108864 bytes/,
  });
});

Deno.test("a program of another kind sends without an id, and gets a reply where it says", async () => {
  const { clock, broker, taken, connection } = await start();
  const bytes = new TextEncoder().encode("7");
  assert.equal(broker.send(to, { body: bytes, headers: {}, replyTo: "replies/shop" }), undefined);
  bytes.fill(0);
  await clock.settle();
  const [{ id, key, operation, body, replyTo }] = taken;
  const seen = [id, key, operation, new TextDecoder().decode(body), replyTo];
  assert.deepEqual(seen, [undefined, "ada", undefined, "7", "replies/shop"]);
  for (const address of ["replies/nobody", "nonsense", "event/order.settled shop", "inbox/other/%zz"]) {
    const [refusal] = await connection.send([{ ...message("1"), to: { kind: "reply", address } }]);
    assert.equal(refusal?.code, "no-receiver", address);
  }
});

Deno.test("what has expired is not handed over", async () => {
  const { clock, open, taken, hold } = await start();
  const sender = await open("books");
  const { promise, resolve } = Promise.withResolvers<void>();
  hold(promise);
  await sender.send([message("1")]);
  await clock.settle();
  await sender.send([{ ...message("2"), expiresAtMs: clock.now() + 100 }, message("3")]);
  await clock.advance(100);
  resolve();
  await clock.settle();
  assert.deepEqual(taken.map(({ id }) => id), ["1", "3"]);
});

Deno.test("the last 1,000 deliveries that were rejected can be looked at", async () => {
  const { clock, broker, open } = await start();
  const sender = await open("books");
  for (let index = 0; index < 1_001; index++) await sender.send([message(`bad ${index}`)]);
  await clock.settle();
  for (let round = 0; broker.deadLetters.length < 1_000 && round < 50; round++) await clock.settle();
  assert.equal(broker.deadLetters.length, 1_000);
  const { queue, reason, delivery } = broker.deadLetters.at(-1)!;
  assert.deepEqual([queue, reason, delivery.id], ["inbox order", "not-wanted", "bad 1000"]);
});

Deno.test("a second service cannot read an inbox, and the first one goes on", async () => {
  const { clock, open, taken } = await start();
  const other = await open("books");
  const reading = other.receive(inbox, {
    begin: () => Promise.resolve(undefined),
    take: () => Promise.resolve([]),
  });
  await assert.rejects(reading.ready, {
    code: "another-service",
    message: "Cannot read the inbox of order: the service shop reads it",
  });
  await other.send([message("1")]);
  await clock.settle();
  assert.equal(taken.length, 1);
});

Deno.test("options that no broker can have are refused", () => {
  for (
    const options of [{ shards: 0 }, { messages: 0.5 }, { messageBytes: -1 }, { reads: "tape" as "log" }]
  ) {
    assert.throws(() => memoryBroker(options), RangeError);
  }
});
