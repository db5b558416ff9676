import type { Parcel, TransportConnection } from "../../../runtime/ports/transport.ts";
import { guarded } from "../../../runtime/base/guarded.ts";
import { expect, expectEqual } from "../expectations.ts";
import type { TransportBench } from "./bench.ts";
import type { TransportFaults } from "./faults.ts";

/** A case, and the faults that it needs. */
export interface FaultCase {
  readonly needs: readonly (keyof TransportFaults)[];
  run(bench: TransportBench): Promise<void>;
}

/** The cases about what a broker and its network do wrong. */
export const faultCases: Readonly<Record<string, FaultCase>> = {
  "what the broker has taken is there after it was killed and started again": {
    needs: ["restart"],
    async run(bench) {
      const inbox = bench.inbox();
      const event = bench.event();
      const reading = await bench.read("b", inbox);
      const heard = await bench.read("b", event, { connection: reading.connection });
      const release = [reading.collector.hold(), heard.collector.hold()];
      const sender = await bench.connect("a");
      const parcels = bench.parcels(50, bench.to(inbox));
      const events: Parcel[] = bench.parcels(50, { ...event, subject: "s", key: "k" });
      await bench.send(sender, parcels);
      await bench.send(sender, events);
      await bench.faults.restart!();
      for (const end of release) end();
      await bench.collectedInOrder(reading.collector, parcels, true);
      await bench.collectedInOrder(heard.collector, events, true);
    },
  },

  "a connection that is cut with deliveries in hand gets all of them again, in order, in another tenure": {
    needs: ["cut"],
    async run(bench) {
      const inbox = bench.inbox();
      const { collector } = await bench.read("b", inbox);
      const parcels = bench.parcels(50, bench.to(inbox));
      const release = collector.hold();
      await bench.send(await bench.connect("a"), parcels);
      await bench.eventually(() => collector.waiting.size === 1, "a batch is handed over");
      const [{ tenure, batch }] = collector.waiting;
      await bench.faults.cut!();
      await bench.eventually(() => tenure.signal.aborted, "the old tenure ends");
      release();
      await bench.collectedInOrder(collector, parcels);
      if (bench.transport.traits.reads === "log") return;
      const before = new Set(batch.map(({ id }) => id));
      const again = collector.taken.filter(({ id }) => before.has(id));
      expect(again.every((taken) => taken.again), "What was in hand says that it may come again");
    },
  },

  "what is sent while connections are cut arrives in order, except for repeats": {
    needs: ["cut"],
    async run(bench) {
      const inbox = bench.inbox();
      const { collector } = await bench.read("b", inbox);
      const sender = await bench.connect("a");
      const parcels = bench.parcels(400, bench.to(inbox));
      for (let from = 0, sent = 0; from < parcels.length; sent++) {
        const batch = parcels.slice(from, from + 40);
        const taken = isTaken(bench, sender.send(batch));
        if (sent % 3 === 1) await bench.faults.cut!();
        if (await taken) from += batch.length;
        else await bench.soon(); // nobody knows: the same parcels again
      }
      await bench.collectedInOrder(collector, parcels, true);
    },
  },

  "a connection without its broker says so, ends its sends within their time, and comes back by itself": {
    needs: ["isolate", "restore"],
    async run(bench) {
      const inbox = bench.inbox();
      const { collector } = await bench.read("b", inbox);
      const sender = await bench.connect("a");
      const parcels = bench.parcels(20, bench.to(inbox));
      await bench.send(sender, parcels.slice(0, 10));
      await bench.settled();
      const states: string[] = [];
      const watching = sender.watch(({ status }) => void states.push(status));
      await bench.faults.isolate!();
      try {
        const taken = await isTaken(bench, sender.send(parcels.slice(10)));
        expectEqual(taken, false, "whether a broker that is away takes parcels");
        await bench.eventually(
          () => sender.state.status === "connecting",
          () => `it is ${sender.state.status}`,
        );
        expect((sender.state.reason ?? "") !== "", "The state says why it is not connected");
      } finally {
        await bench.faults.restore!();
      }
      await bench.eventually(() => sender.state.status === "connected", () => `it is ${sender.state.status}`);
      watching[Symbol.dispose]();
      expect(
        states.includes("connecting") && states.at(-1) === "connected",
        `It has said ${states.join(", ")}`,
      );
      await sendUntilTaken(bench, sender, parcels.slice(10));
      await bench.collectedInOrder(collector, parcels, true);
    },
  },

  "a connection can be opened and closed while its broker is away": {
    needs: ["isolate", "restore"],
    async run(bench) {
      await bench.faults.isolate!();
      try {
        const connection = await bench.connect("a");
        expect(connection.state.status !== "connected", "It is not connected");
        const inbox = bench.inbox();
        const sending = isTaken(bench, connection.send(bench.parcels(1, bench.to(inbox))));
        await bench.close(connection);
        expectEqual(await sending, false, "whether what was being sent is taken");
      } finally {
        await bench.faults.restore!();
      }
    },
  },

  "what is deleted in the broker is declared anew, and messages flow again": {
    needs: ["deleteTopology"],
    async run(bench) {
      const inbox = bench.inbox();
      const event = bench.event();
      const reading = await bench.read("b", inbox);
      const heard = await bench.read("b", event, { connection: reading.connection });
      const sender = await bench.connect("a");
      const before = bench.parcels(5, bench.to(inbox));
      await bench.send(sender, before);
      await bench.collectedInOrder(reading.collector, before);
      await bench.faults.deleteTopology!(bench.prefix);
      for (
        const [to, { collector }] of [
          [bench.to(inbox), reading],
          [{ ...event, subject: "s", key: "k" }, heard],
        ] as const
      ) {
        const count = collector.firstIds.length;
        await bench.eventually(() => collector.firstIds.length > count, "a message arrives", async () => {
          for (const parcels of bench.addressed(sender, bench.parcels(1, to))) {
            await isTaken(bench, sender.send(parcels));
          }
        });
      }
    },
  },

  "a wrong password is told as refused, and is in no text": {
    needs: ["refused"],
    async run(bench) {
      const { transport, secret } = bench.faults.refused!;
      const connection = await bench.connect("a", { transport });
      const texts: unknown[] = [];
      const watching = connection.watch((state) => void texts.push(state.reason));
      await bench.eventually(
        () => connection.state.status === "refused",
        () => `it is ${connection.state.status}`,
      );
      const sending = connection.send(bench.parcels(1, bench.to(bench.inbox())));
      texts.push(await bench.within(sending, "a send settles").catch((error) => error));
      watching[Symbol.dispose]();
      for (const text of [...texts, connection.state.reason, ...bench.reported]) {
        expect(
          !shownIn(text).includes(secret),
          `The password is in ${typeof text === "string" ? "a reason" : "an error"}`,
        );
      }
    },
  },
};

/** Whether all parcels of a send were taken; `false` if it rejects or refuses some of them. */
async function isTaken(
  bench: TransportBench,
  sending: ReturnType<TransportConnection["send"]>,
): Promise<boolean> {
  const answers = await bench.within(sending, "a send settles").catch((error) => {
    if (error?.code === undefined) throw error;
    return undefined;
  });
  return answers?.every((answer) => answer === undefined) ?? false;
}

async function sendUntilTaken(
  bench: TransportBench,
  sender: TransportConnection,
  parcels: readonly Parcel[],
) {
  for (let tries = 0; !await isTaken(bench, sender.send(parcels)); tries++) {
    expect(tries < 50, "A broker that is back takes parcels within 50 attempts");
    await bench.soon();
  }
}

/** All text of an error, its stack and its causes. */
function shownIn(thrown: unknown): string {
  if (!(thrown instanceof Error)) return `${JSON.stringify(thrown)} ${String(thrown)}`;
  const own = Object.values(thrown).map((value) => guarded(() => JSON.stringify(value), "")).join(" ");
  return `${thrown.stack} ${own} ${thrown.cause === undefined ? "" : shownIn(thrown.cause)}`;
}
