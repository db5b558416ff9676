import { expect, expectEqual } from "../expectations.ts";
import type { TransportBench } from "./bench.ts";
import { Collector } from "./collector.ts";

/** The cases about who reads a shard, how far, and what comes again. */
export const tenureCases: Readonly<Record<string, (bench: TransportBench) => Promise<void>>> = {
  async "the next batch of a shard comes when the one before it is taken"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const sender = await bench.connect("a");
    const parcels = bench.parcels(60, bench.to(inbox));
    const release = collector.hold();
    await bench.send(sender, parcels.slice(0, 30));
    await bench.eventually(() => collector.waiting.size === 1, "a batch is handed over");
    await bench.send(sender, parcels.slice(30));
    await bench.soon();
    expectEqual(collector.waiting.size, 1, "the batches that are handed over");
    release();
    await bench.collectedInOrder(collector, parcels);
  },

  async "a batch that is refused comes again, with all behind it, in order and in another tenure"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const sender = await bench.connect("a");
    const parcels = bench.parcels(80, bench.to(inbox));
    await bench.send(sender, parcels.slice(0, 20));
    await bench.collected(collector, 20);
    const release = collector.hold();
    await bench.send(sender, parcels.slice(20));
    await bench.eventually(() => collector.waiting.size === 1, "a batch is handed over");
    const [{ tenure, batch }] = collector.waiting;
    collector.refusals = 1;
    release();
    await bench.collectedInOrder(collector, parcels);
    expect(tenure.signal.aborted, "The signal of the tenure is aborted in which the batch was refused");
    const again = collector.taken.filter(({ id }) => batch.some((delivery) => delivery.id === id));
    expect(again.every((taken) => taken.tenure !== tenure), "They come in another tenure");
    const queue = bench.transport.traits.reads === "queue";
    expectEqual(again.every((taken) => taken.again), queue, "whether they say that they come again");
  },

  async "what is acknowledged does not come again to the next process"(bench) {
    const inbox = bench.inbox();
    const { connection } = await readAll(bench, inbox);
    await bench.within(connection.drain(), "it is drained");
    await bench.close(connection);
    const fresh = new Collector(); // it knows no position
    await bench.read("b", inbox, { collector: fresh });
    const parcels = bench.parcels(5, bench.to(inbox));
    await bench.send(await bench.connect("a"), parcels);
    await bench.collectedInOrder(fresh, parcels);
  },

  async "a delivery that is rejected is put aside, and what is beside it is acknowledged"(bench) {
    const inbox = bench.inbox();
    const { collector, connection } = await bench.read("b", inbox);
    const parcels = bench.parcels(12, bench.to(inbox));
    const [bad, good] = [parcels.slice(5, 7), [...parcels.slice(0, 5), ...parcels.slice(7)]];
    const isBad = new Set<string | undefined>(bad.map(({ id }) => id));
    collector.rejects = ({ id }) => isBad.has(id);
    const sender = await bench.connect("a");
    await bench.send(sender, parcels);
    await bench.collectedInOrder(collector, good);
    if (bench.isHeldBySender) {
      await bench.settled();
      expectEqual(
        bad.map(({ id }) => bench.refused.get(id)?.code),
        ["refused", "refused"],
        "what its sender is told of what was rejected",
      );
    }
    await bench.within(connection.drain(), "it is drained");
    await bench.close(connection);
    const next = new Collector();
    await bench.read("b", inbox, { collector: next });
    const [last] = bench.parcels(1, bench.to(inbox));
    await bench.send(sender, [last]);
    await bench.collectedInOrder(next, [last]);
  },

  async "a process that is closed with a batch in hand leaves all of it to the next, in order"(bench) {
    const inbox = bench.inbox();
    const { collector, connection } = await bench.read("b", inbox);
    await bench.read("b", inbox, { collector });
    const parcels = bench.parcels(50, bench.to(inbox));
    const release = collector.hold();
    await bench.send(await bench.connect("a"), parcels);
    await bench.eventually(() => collector.waiting.size === 1, "a batch is handed over");
    await bench.close(connection); // whether this one has the shard or the other
    release();
    await bench.collectedInOrder(collector, parcels);
  },

  async "each shard comes to have one tenure, whoever joins and leaves"(bench) {
    const inbox = bench.inbox();
    const first = await bench.read("b", inbox);
    const { collector } = first;
    const others = [await bench.read("b", inbox, { collector }), await bench.read("b", inbox, { collector })];
    const sender = await bench.connect("a");
    const sendSome = async () => {
      const parcels = Array.from(
        { length: 40 },
        (_, index) => bench.parcel(bench.to(inbox, `k${index % 8}`)),
      );
      const before = collector.firstIds.length;
      await bench.send(sender, parcels);
      await bench.eventually(
        () => collector.firstIds.length === before + parcels.length,
        () => `${before + parcels.length} deliveries are taken: it is ${collector.firstIds.length}`,
      );
      await bench.eventually(() => {
        const shards = collector.live.map(({ tenure }) => tenure.shard);
        return new Set(shards).size === shards.length;
      }, "no shard has two tenures");
    };
    await sendSome();
    await bench.close(first.connection);
    await sendSome();
    others[0][Symbol.dispose]();
    await sendSome();
  },

  async "drain lets the batch in hand settle, and gives the rest to another process at once, in order"(
    bench,
  ) {
    const inbox = bench.inbox();
    const { collector, connection } = await bench.read("b", inbox);
    const parcels = bench.parcels(400, bench.to(inbox));
    const release = collector.hold();
    await bench.send(await bench.connect("a"), parcels);
    await bench.eventually(() => collector.waiting.size === 1, "a batch is handed over");
    const [{ batch }] = collector.waiting;
    let drained = false;
    const draining = connection.drain().then(() => void (drained = true));
    await bench.soon();
    expectEqual(drained, false, "whether it is drained while a batch is in hand");
    release();
    await bench.within(draining, "it is drained");
    expectEqual(collector.ids, batch.map(({ id }) => id), "what the drained one has taken");
    expectEqual(collector.live.length, 0, "the tenures that have not ended");
    await bench.read("b", inbox, { collector });
    await bench.collectedInOrder(collector, parcels);
    const reply = bench.inbox("z");
    const { collector: replies } = await bench.read("a", reply);
    const late = bench.parcels(3, bench.to(reply));
    await bench.send(connection, late); // what it has accepted may still answer
    await bench.collectedInOrder(replies, late);
  },

  async "a channel goes on while another one of the same connection is stuck"(bench) {
    const [stuck, free] = [bench.inbox("a"), bench.inbox("b")];
    const first = await bench.read("b", stuck);
    const second = await bench.read("b", free, { connection: first.connection });
    const release = first.collector.hold();
    const sender = await bench.connect("a");
    const held = bench.parcels(300, bench.to(stuck));
    await bench.send(sender, held);
    await bench.eventually(() => first.collector.waiting.size === 1, "a batch is handed over");
    const parcels = bench.parcels(300, bench.to(free));
    await bench.send(sender, parcels);
    await bench.collectedInOrder(second.collector, parcels);
    release();
    await bench.collectedInOrder(first.collector, held);
  },

  async "a channel whose reading is disposed of is not read, and can be read again"(bench) {
    const inbox = bench.inbox();
    const reading = await bench.read("b", inbox);
    const { collector, connection } = reading;
    const sender = await bench.connect("a");
    const parcels = bench.parcels(20, bench.to(inbox));
    await bench.send(sender, parcels.slice(0, 10));
    await bench.collected(collector, 10);
    reading[Symbol.dispose]();
    reading[Symbol.dispose]();
    await bench.eventually(() => collector.live.length === 0, "its tenures end");
    await bench.send(sender, parcels.slice(10));
    await bench.soon();
    expectEqual(collector.ids.length, 10, "what is taken");
    await bench.read("b", inbox, { collector, connection });
    await bench.collectedInOrder(collector, parcels, true); // the last acknowledgement may have been lost
  },
};

/** The cases about logs. */
export const logCases: Readonly<Record<string, (bench: TransportBench) => Promise<void>>> = {
  async "a log is read behind the position that its receiver names"(bench) {
    const inbox = bench.inbox();
    const { collector, connection, parcels } = await readAll(bench, inbox);
    const [{ tenure }] = collector.taken;
    await bench.within(connection.drain(), "it is drained");
    await bench.close(connection);
    const second = new Collector();
    const shardOf = new Map(collector.taken.map(({ id, tenure }) => [id, tenure.shard]));
    const positionOf = new Map(collector.taken.map(({ id, position }) => [id, position!]));
    const here = parcels.filter(({ id }) => shardOf.get(id) === tenure.shard);
    const known = positionOf.get(here[2].id)!;
    second.start = ({ shard }) => shard === tenure.shard ? known : undefined;
    await bench.read("b", inbox, { collector: second });
    await bench.collectedInOrder(second, here.slice(3));
    expectEqual(
      second.taken.map(({ position }) => position),
      here.slice(3).map(({ id }) => positionOf.get(id)),
      "the positions, which are those of the first time",
    );
  },

  async "the epoch of a log is the same in each tenure"(bench) {
    const inbox = bench.inbox();
    const { collector, connection } = await readAll(bench, inbox);
    await bench.close(connection);
    await bench.read("b", inbox, { collector });
    const parcels = bench.parcels(5, bench.to(inbox));
    await bench.send(await bench.connect("a"), parcels);
    await bench.collected(collector, 25);
    const epochs = new Map<string, Set<string | undefined>>();
    for (const { tenure } of collector.tenures) {
      epochs.set(tenure.shard, (epochs.get(tenure.shard) ?? new Set()).add(tenure.epoch));
    }
    for (const [shard, all] of epochs) expectEqual(all.size, 1, `the number of epochs of the shard ${shard}`);
  },
};

/** Sends 20 parcels to a new process, which takes them. */
async function readAll(bench: TransportBench, inbox: ReturnType<TransportBench["inbox"]>) {
  const { collector, connection } = await bench.read("b", inbox);
  const parcels = bench.parcels(20, bench.to(inbox));
  await bench.send(await bench.connect("a"), parcels);
  await bench.collectedInOrder(collector, parcels);
  return { collector, connection, parcels };
}
