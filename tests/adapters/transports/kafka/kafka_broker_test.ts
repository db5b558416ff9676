import assert from "node:assert/strict";
import { event, PosthornError, protocol, tell, unchecked } from "@posthorn/posthorn";
import { kafka } from "@posthorn/posthorn/kafka";
import { brokerTest } from "../../../brokers/given.ts";
import { brokersOf, connect, eventually, inbox, parcels, readAll, Taker, withAdmin } from "./stage.ts";

const quick = { sessionTimeoutMs: 3_000, rebalanceTimeoutMs: 4_000 };

brokerTest("kafka", "a group that is reset to the start does nothing twice", async ({ url, prefix }) => {
  const options = { brokers: brokersOf(url), ...quick };
  await using first = await connect(options, prefix);
  const taker = new Taker();
  await first.receive(inbox(prefix), taker).ready;
  await first.send(parcels(prefix, 20));
  await eventually(() => taker.taken.length === 20, "all are taken");
  const positions = new Map(taker.tenures.map(({ shard }) => [shard, undefined as number | undefined]));
  const shard = taker.tenures.find(({ shard }) => positions.has(shard))!;
  assert.ok(shard.epoch!.length === 32);
  await first.drain();
  await first.close();
  await withAdmin(
    { brokers: options.brokers },
    (admin) => admin.resetOffsets({ groupId: `${prefix}.inbox`, topic: prefix, earliest: true }),
  );
  const again = new Taker();
  again.known = () => 19; // what the store of the service has
  await using second = await connect(options, prefix);
  await second.receive(inbox(prefix), again).ready;
  const [one] = parcels(prefix, 1, { id: "new" });
  await second.send([one]);
  await eventually(() => again.taken.length > 0, "the new one is taken");
  assert.deepEqual(again.ids, ["new"]);
});

brokerTest(
  "kafka",
  "a store that was restored from a copy gets again what it has forgotten",
  async ({ url, prefix }) => {
    const options = { brokers: brokersOf(url), ...quick };
    await using first = await connect(options, prefix);
    const taker = new Taker();
    await first.receive(inbox(prefix), taker).ready;
    await first.send(parcels(prefix, 20));
    await eventually(() => taker.taken.length === 20, "all are taken");
    await first.drain();
    await first.close();
    await using second = await connect(options, prefix);
    const again = new Taker();
    again.known = () => 9; // the group has committed 20
    await second.receive(inbox(prefix), again).ready;
    await eventually(() => again.taken.length === 10, "ten are taken again");
    assert.equal(again.ids[0], "ada-10");
    await second.close();
  },
);

brokerTest(
  "kafka",
  "a replay hands over once more what is in the log, beside what comes",
  async ({ url, prefix }) => {
    const Order = protocol(prefix, { add: tell(unchecked<number>()), settled: event(unchecked<number>()) });
    const transport = kafka({ brokers: brokersOf(url), ...quick, partitions: 1 });
    await using connection = await connect({ brokers: [] }, prefix, { transport });
    const taker = new Taker();
    const channel = inbox(prefix);
    await connection.receive(channel, taker).ready;
    const request = { replyTo: { kind: "replies" }, correlationId: "c" } as const;
    await connection.send(parcels(prefix, 10, request));
    await connection.send([{
      ...parcels(prefix, 1)[0],
      to: { kind: "inbox", protocol: prefix, key: "ada" },
      id: "reply",
    }]);
    await eventually(() => taker.taken.length === 11, "all are taken");
    const between = Date.now() + 1;
    await eventually(() => Date.now() > between, "the clock goes on");
    await connection.send(parcels(prefix, 5, { key: "bea" }));
    await eventually(() => taker.taken.length === 16, "all are taken");

    assert.equal(await transport.replay(Order, { offset: 8, name: "a" }), 7);
    const replayed = taker.taken.slice(16);
    assert.deepEqual(replayed.map(({ id }) => id), [
      ...["ada-8", "ada-9", "bea-0", "bea-1", "bea-2", "bea-3", "bea-4"].map((id) => `${id}.replay-a`),
    ]);
    assert.deepEqual(replayed.map(({ replyTo, correlationId }) => [replyTo, correlationId])[0], [
      undefined,
      undefined,
    ]);
    assert.equal(taker.tenures.at(-1)!.shard, `${prefix}/0/replay-a`);
    assert.equal(await transport.replay(Order.add, { atMs: between }), 5);
    assert.equal(await transport.replay(Order.add, { atMs: Date.now() + 60_000 }), 0);
    await connection.send(parcels(prefix, 1, { id: "after" }));
    await eventually(() => taker.ids.at(-1) === "after", "the usual shard goes on");
    await assert.rejects(
      transport.replay(Order.settled, { offset: 0 }),
      (error) => error instanceof PosthornError && error.code === "no-receiver",
    );
    await connection.close();
    await assert.rejects(
      transport.replay(Order, { offset: 0 }),
      /no system that runs on this transport reads it/,
    );
  },
);

brokerTest(
  "kafka",
  "a rejected message is kept with its reason, its headers and where it was",
  async ({ url, prefix }) => {
    const brokers = brokersOf(url);
    await using connection = await connect({ brokers, ...quick, partitions: 1 }, prefix);
    const taker = new Taker();
    taker.rejects = ({ id }) => id === "ada-1" ? "invalid-payload" : undefined;
    await connection.receive(inbox(prefix), taker).ready;
    await connection.send(parcels(prefix, 3, { headers: { "x-note": "kept" } }));
    await eventually(() => taker.taken.length === 2, "the others are taken");
    await withAdmin({ brokers }, async (_, client) => {
      const [letter] = await readAll(client, `${prefix}.dead`, 1);
      assert.equal(letter.key, "ada");
      assert.equal(letter.value, "1");
      const { id, "x-note": note, "posthorn-reason": reason, "posthorn-source": source } = letter.headers;
      assert.deepEqual([id, note, reason, source], ["ada-1", "kept", "invalid-payload", `${prefix}/0/1`]);
    });
    await connection.close();
  },
);

brokerTest(
  "kafka",
  "a topic that takes less than the transport refuses what is too large, and no more",
  async ({ url, prefix }) => {
    const brokers = brokersOf(url);
    await withAdmin({ brokers }, (admin) =>
      admin.createTopics({
        topics: [{
          topic: prefix,
          numPartitions: 1,
          configEntries: [{ name: "max.message.bytes", value: "20000" }],
        }],
      }));
    await using connection = await connect({ brokers, ...quick }, prefix);
    const taker = new Taker();
    await connection.receive(inbox(prefix), taker).ready;
    const batch = parcels(prefix, 60).map((parcel, index) => ({
      ...parcel,
      body: new Uint8Array(index === 30 ? 30_000 : 1_000), // 60 kB together: more than that topic takes at once
    }));
    const answers = await connection.send(batch);
    assert.deepEqual(answers.flatMap((answer, index) => answer === undefined ? [] : [[index, answer.code]]), [
      [30, "too-large"],
    ]);
    await eventually(() => taker.taken.length === 59, "all others are taken");
    assert.deepEqual(taker.ids, batch.map(({ id }) => id).filter((id) => id !== "ada-30"));
    await connection.close();
  },
);

brokerTest("kafka", "many megabytes in one batch arrive in order", async ({ url, prefix }) => {
  await using connection = await connect({ brokers: brokersOf(url), ...quick }, prefix);
  const taker = new Taker();
  await connection.receive(inbox(prefix), taker).ready;
  const batch = parcels(prefix, 5_000, { body: new Uint8Array(1_000) });
  const answers = await connection.send(batch);
  assert.ok(answers.every((answer) => answer === undefined));
  await eventually(() => taker.taken.length === 5_000, "all are taken");
  assert.deepEqual(taker.ids, batch.map(({ id }) => id));
});

brokerTest(
  "kafka",
  "what is sent at once by many goes together, in the order of the calls",
  async ({ url, prefix }) => {
    await using connection = await connect({ brokers: brokersOf(url), ...quick }, prefix);
    const taker = new Taker();
    await connection.receive(inbox(prefix), taker).ready;
    const all = parcels(prefix, 500);
    const answers = await Promise.all(all.map((parcel) => connection.send([parcel])));
    assert.ok(answers.flat().every((answer) => answer === undefined));
    await eventually(() => taker.taken.length === 500, "all are taken");
    assert.deepEqual(taker.ids, all.map(({ id }) => id));
    await connection.close();
  },
);

brokerTest(
  "kafka",
  "an inbox of another service is not read, until its group is freed",
  async ({ url, prefix }) => {
    const brokers = brokersOf(url);
    await using first = await connect({ brokers, ...quick }, `${prefix}-a`);
    const taker = new Taker();
    await first.receive(inbox(prefix), taker).ready;
    await first.send(parcels(prefix, 5));
    await eventually(() => taker.taken.length === 5, "all are taken");
    await using second = await connect({ brokers, ...quick }, `${prefix}-b`);
    await assert.rejects(
      second.receive(inbox(prefix), new Taker()).ready,
      (error) =>
        error instanceof PosthornError && error.code === "another-service" &&
        /reset-offsets/.test(error.message),
    );
    await first.drain();
    await first.close();
    await withAdmin({ brokers }, async (admin) => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: `${prefix}.inbox`, topics: [prefix] });
      await admin.setOffsets({ groupId: `${prefix}.inbox`, topic: prefix, partitions });
    });
    const moved = new Taker();
    await second.receive(inbox(prefix), moved).ready;
    await second.send(parcels(prefix, 1, { id: "moved" }));
    await eventually(() => moved.taken.length === 1, "it goes on where the other was");
    assert.deepEqual(moved.ids, ["moved"]);
    await second.close();
  },
);

brokerTest("kafka", "two namespaces do not meet in one cluster", async ({ url, prefix }) => {
  const brokers = brokersOf(url);
  const takers = [new Taker(), new Taker()];
  await using stack = new AsyncDisposableStack();
  const connections = await Promise.all(
    ["one", "two"].map((namespace, index) =>
      connect({ brokers, ...quick, namespace: `${namespace}-${prefix}` }, prefix, { store: `store ${index}` })
    ),
  );
  for (const [index, connection] of connections.entries()) {
    stack.use(connection);
    await connection.receive(inbox(prefix), takers[index]).ready;
  }
  await connections[0].send(parcels(prefix, 3));
  await eventually(() => takers[0].taken.length === 3, "its own are taken");
  assert.equal(takers[1].taken.length, 0);
});

brokerTest(
  "kafka",
  "what a transaction wrote is read if it was committed, and not if it was aborted",
  async ({ url, prefix }) => {
    const brokers = brokersOf(url);
    await using connection = await connect({ brokers, ...quick, partitions: 1 }, prefix);
    const taker = new Taker();
    await connection.receive(inbox(prefix), taker).ready;
    await withAdmin({ brokers }, async (_, client) => {
      const producer = client.producer({ transactionalId: prefix, idempotent: true, maxInFlightRequests: 1 });
      await producer.connect();
      for (const outcome of ["abort", "commit"] as const) {
        const transaction = await producer.transaction();
        await transaction.send({
          topic: prefix,
          messages: [{ key: "ada", value: outcome, headers: { id: outcome, operation: "add" } }],
        });
        await transaction[outcome]();
      }
      await producer.disconnect();
    });
    await eventually(() => taker.taken.length > 0, "the committed one is taken");
    assert.deepEqual(taker.ids, ["commit"]);
    // The group goes behind the record that ended the transaction, too.
    await withAdmin({ brokers }, (admin) =>
      eventually(async () => {
        const [{ partitions: [{ offset }] }] = await admin.fetchOffsets({
          groupId: `${prefix}.inbox`,
          topics: [prefix],
        });
        return offset === "4";
      }, "it is committed behind the end of the log"));
    await connection.close();
  },
);
