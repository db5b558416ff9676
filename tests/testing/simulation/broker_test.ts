import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { transportConformance, type TransportFaults } from "@posthorn/posthorn/testing/conformance";
import { SimulatedBroker, type SimulatedBrokerFaults } from "@posthorn/posthorn/testing/simulation";
import type { Destination, Random, Receiver, Tenure } from "@posthorn/posthorn/transport";

for (const reads of ["queue", "log"] as const) {
  const clock = new VirtualClock();
  const broker = new SimulatedBroker({ clock, random: seededRandom(7), reads });
  let processes = 0;
  const faults: TransportFaults = {
    async cut() {
      broker.faults = { cut: 60 };
      await clock.advance(1_000);
      broker.faults = {};
    },
    async isolate() {
      broker.faults = { partition: 60 };
      await clock.advance(1_000);
    },
    restore() {
      broker.faults = {};
    },
  };
  const cases = transportConformance({
    transport: {
      ...broker.client("none").transport(),
      open: (services) => broker.client(`p${++processes}`).transport().open(services),
    },
    faults,
    skip: {
      "a connection can be opened and closed while its broker is away":
        "a partition is one of a process, and begins after it has connected",
    },
    clock,
    random: seededRandom(8),
    advance: (byMs) => clock.advance(byMs),
  });
  for (const { name, skipped, run } of cases) {
    Deno.test({ name: `a simulated ${reads}: ${name}`, ignore: skipped !== undefined, fn: run });
  }
}

interface Row {
  readonly version: number;
  readonly epoch: string | undefined;
  readonly position: number;
  readonly place: number;
}

/** What is taken out of the receivers below, so that the faults are seen to be there. */
interface Without {
  readonly fence?: boolean;
  readonly place?: boolean;
  readonly position?: boolean;
}

/** The rows that the processes of a service share: an intake in a few lines, which accepts by the rules of the protocol. */
class SharedRows {
  /** What was accepted first of each id, with the place where it was put. */
  readonly placeOf = new Map<string, number>();
  /** How often each id was handed over behind what was known, so that only its mark could tell. */
  readonly repeats = new Map<string, number>();
  readonly #rows = new Map<string, Row>();

  /** The receiver of a process whose clock is ahead, and whose commits take up to 100 ms. */
  receiver(clock: VirtualClock, random: Random, aheadMs: number, without: Without = {}): Receiver {
    const known = new Map<Tenure, Row>();
    let last = 0;
    const rowOf = ({ shard }: Tenure) =>
      this.#rows.get(shard) ?? { version: 0, epoch: undefined, position: -1, place: 0 };
    return {
      begin: (tenure) => {
        const row = rowOf(tenure);
        known.set(tenure, row);
        return Promise.resolve(row.epoch === tenure.epoch && row.position >= 0 ? row.position : undefined);
      },
      take: async (batch, tenure) => {
        const row = known.get(tenure)!;
        const behind = tenure.epoch === row.epoch && !without.position ? row.position : -1;
        const fresh = batch.filter(({ position = Infinity }) => position > behind);
        if (!without.place) last = Math.max(last, row.place);
        const places = fresh.map(({ id }) =>
          [id!, last = Math.max(clock.now() + aheadMs, last + 1)] as const
        );
        await new Promise<void>((resolve) => void clock.setTimer(random.next() * 100, resolve));
        if (rowOf(tenure).version !== row.version && !without.fence) {
          throw new Error("Another tenure has accepted");
        }
        for (const [id, place] of places) {
          if (this.placeOf.has(id)) this.repeats.set(id, (this.repeats.get(id) ?? 0) + 1);
          else this.placeOf.set(id, place);
        }
        const position = Math.max(behind, batch.at(-1)!.position ?? -1);
        const next = { version: rowOf(tenure).version + 1, epoch: tenure.epoch, position, place: last };
        this.#rows.set(tenure.shard, next);
        known.set(tenure, next);
        return [];
      },
    };
  }
}

const all: SimulatedBrokerFaults = {
  sendLost: 0.1,
  sendLanded: 0.1,
  sendPartly: 0.1,
  sendLandsLate: 0.1,
  sentTwice: 0.05,
  slow: 0.05,
  acknowledgementLost: 0.2,
  readsEarlier: 0.3,
  moveInBurst: 0.1,
  move: 3,
  unread: 2,
  block: 1,
  partition: 2,
  cut: 3,
  reset: 2,
  recreate: 6,
};

interface Outcome {
  readonly failure: string | undefined;
  readonly repeats: number;
  readonly counts: SimulatedBroker["counts"];
}

/** One sender that begins again after each failure, and two processes that read an inbox and an event. */
async function run(seed: number, reads: "queue" | "log", without: Without): Promise<Outcome> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const broker = new SimulatedBroker({ clock, random, reads, faults: all, times: { latencyMsMax: 5 } });
  const rows = new SharedRows();
  const connect = (service: string, instance: string) =>
    broker.client(instance).transport().open({
      clock,
      random,
      service,
      instance,
      store: service,
      report() {},
    });
  const inbox = { kind: "inbox", protocol: "order", operations: [] } as const;
  const event = { kind: "event", protocol: "order", event: "settled", mode: "event" } as const;
  for (const [name, aheadMs] of [["b1", 0], ["b2", 20_000]] as const) {
    const connection = await connect("b", name);
    connection.receive(inbox, rows.receiver(clock, random, aheadMs, without));
    connection.receive(event, rows.receiver(clock, random, aheadMs, without));
  }
  await clock.advance(1_000);
  const sender = await connect("a", "a1");
  const sent: string[][] = [];
  const send = async (to: Destination) => {
    const ids = Array.from({ length: 200 }, (_, index) => `${to.kind} ${index}`);
    for (let from = 0; from < ids.length;) {
      const batch = ids.slice(from, from + 5).map((id) => ({ to, id, body: new Uint8Array(), headers: {} }));
      if (await sender.send(batch).then(() => true, () => false)) from += batch.length;
    }
    sent.push(ids);
  };
  void send({ ...inbox, key: "ada" });
  void send({ ...event, subject: "", key: "k" });
  await clock.advance(120_000);
  const counts = { ...broker.counts };
  broker.faults = {};
  await clock.advance(60_000);
  const failures = [];
  if (sent.length < 2 || Object.keys(broker.waiting).length > 0) failures.push("it does not come to rest");
  for (const ids of sent) {
    const accepted = ids.filter((id) => rows.placeOf.has(id));
    if (accepted.length < ids.length) failures.push("something is lost");
    const ordered = accepted.toSorted((a, b) => rows.placeOf.get(a)! - rows.placeOf.get(b)!);
    if (ordered.some((id, index) => id !== accepted[index])) failures.push("the order is another one");
  }
  return { failure: failures[0], repeats: rows.repeats.size, counts };
}

for (const reads of ["queue", "log"] as const) {
  Deno.test(`a simulated ${reads} has all faults, and keeps what its contract promises`, async () => {
    const counts = new Map<string, number>();
    for (let seed = 1; seed <= 20; seed++) {
      const outcome = await run(seed, reads, {});
      assert.equal(outcome.failure, undefined, `seed ${seed}`);
      for (const [fault, count] of Object.entries(outcome.counts)) {
        counts.set(fault, (counts.get(fault) ?? 0) + count);
      }
    }
    const never = Object.keys(all).filter((fault) => counts.get(fault) === 0);
    assert.deepEqual(never, reads === "log" ? [] : ["reset", "recreate"], "the faults that never occurred");
  });

  for (const rule of ["fence", "place"] as const) {
    Deno.test(`a simulated ${reads} disturbs the order of a receiver without the ${rule} of its source row`, async () => {
      let seed = 1;
      while (
        seed <= 20 && (await run(seed, reads, { [rule]: true })).failure !== "the order is another one"
      ) seed++;
      assert.ok(seed <= 20, "no seed does");
    });
  }
}

Deno.test("a simulated log repeats more to a receiver that does not skip by position", async () => {
  const repeats = async (without: Without) => {
    let sum = 0;
    for (let seed = 1; seed <= 5; seed++) sum += (await run(seed, "log", without)).repeats;
    return sum;
  };
  assert.ok(await repeats({ position: true }) > await repeats({}));
});

Deno.test("the same seed gives the same run, and a broker refuses faults that it does not know", async () => {
  const stepsOf = async (seed: number) => {
    const clock = new VirtualClock();
    const steps: string[] = [];
    const onStep = (step: string) => void steps.push(step);
    const broker = new SimulatedBroker({ clock, random: seededRandom(seed), faults: { move: 20 }, onStep });
    const services = { clock, random: seededRandom(1), service: "a", store: "a", report() {} };
    for (const instance of ["a1", "a2"]) {
      const connection = await broker.client(instance).transport().open({ ...services, instance });
      connection.receive({ kind: "replies" }, new SharedRows().receiver(clock, seededRandom(1), 0));
    }
    await clock.advance(60_000);
    return steps;
  };
  assert.deepEqual(await stepsOf(3), await stepsOf(3));
  assert.notDeepEqual(await stepsOf(3), await stepsOf(4));
  const clock = new VirtualClock();
  for (const faults of [{ sendLost: 2 }, { nonsense: 1 } as SimulatedBrokerFaults, { move: -1 }]) {
    assert.throws(() => new SimulatedBroker({ clock, random: seededRandom(1), faults }), RangeError);
  }
});

Deno.test("the queue of a process that ends while it declares it does not come back", async () => {
  const clock = new VirtualClock();
  const broker = new SimulatedBroker({ clock, random: seededRandom(1) });
  const services = {
    clock,
    random: seededRandom(2),
    service: "orders",
    instance: "one",
    store: undefined,
    report: () => {},
  };
  const connection = await broker.client("one").transport().open(services);
  const receiver: Receiver = { begin: () => Promise.resolve(undefined), take: () => Promise.resolve([]) };
  const ready = assert.rejects(connection.receive({ kind: "process" }, receiver).ready, {
    code: "transport-closed",
  });
  await connection.close();
  await clock.advance(10_000);
  await ready;
  const reply: Destination = { kind: "reply", address: "process/one" };
  assert.equal(broker.send(reply, { body: new Uint8Array(), headers: {} }), undefined); // nobody waits for it
  assert.deepEqual(broker.waiting, {});
});
