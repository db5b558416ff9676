// Transports that each violate one guarantee: a case of `transportConformance` finds it.

import assert from "node:assert/strict";
import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { transportConformance } from "@posthorn/posthorn/testing/conformance";
import type { Parcel, Receiver, Refusal, Transport, TransportConnection } from "@posthorn/posthorn/transport";

type Change = (connection: TransportConnection) => Partial<TransportConnection>;

const inOrder = "parcels of one key arrive in order, each once";

const immediate =
  "what may be lost goes without waiting if the connection can do that, or it is a matter of send";

/** Sends without waiting by means of `send`, as a transport may that is right unless `faults` make it wrong. */
function sending(faults: {
  readonly of?: (parcel: Parcel) => Parcel;
  readonly tells?: (refusal: Refusal | undefined, failed: (refusal?: Refusal) => void) => void;
  readonly takesLarge?: boolean;
  readonly takesClosed?: boolean;
} = {}): Change {
  const tells = faults.tells ?? ((refusal, failed) => refusal && failed(refusal));
  return ({ send, close }) => {
    let isClosed = false;
    return {
      sendNow(parcel, failed) {
        if (parcel.body.length > messageBytes) return faults.takesLarge === true;
        if (isClosed) return faults.takesClosed === true;
        void send([faults.of?.(parcel) ?? parcel]).then(([refusal]) => tells(refusal, failed));
        return true;
      },
      close() {
        isClosed = true;
        return close();
      },
    };
  };
}

const { messageBytes } = memoryTransport({ broker: memoryBroker() }).traits;

/** What each faulty transport does, and the case that finds it. */
const faulty: Readonly<Record<string, readonly [caseName: string, change: Change]>> = {
  "loses a parcel": [
    inOrder,
    ({ send }) => ({ send: (batch) => send(batch.slice(0, -1)).then((all) => [...all, undefined]) }),
  ],
  "sends a parcel twice": [inOrder, ({ send }) => ({
    send: (batch) => send([...batch, batch[0]]).then((all) => all.slice(1)),
  })],
  "changes the order": [inOrder, ({ send }) => ({ send: (batch) => send(batch.toReversed()) })],
  "acknowledges before a batch was taken": [
    "a process that is closed with a batch in hand leaves all of it to the next, in order",
    received((receiver) => ({
      take: (batch, tenure) => {
        receiver.take(batch, tenure).catch(() => {});
        return Promise.resolve([]);
      },
    })),
  ],
  "hands over the next batch too early": [
    "the next batch of a shard comes when the one before it is taken",
    received((receiver) => ({
      take: (batch, tenure) => {
        receiver.take(batch, tenure).catch(() => {});
        return Promise.resolve([]);
      },
    })),
  ],
  "does not say what comes again": [
    "a batch that is refused comes again, with all behind it, in order and in another tenure",
    received((receiver) => ({
      take: (batch, tenure) =>
        receiver.take(batch.map((delivery) => ({ ...delivery, again: false })), tenure),
    })),
  ],
  "takes what nobody receives": [
    "an inbox that nobody has declared refuses with no-receiver, and takes the same parcel later",
    ({ send }) => ({ send: (batch) => send(batch).then((all) => all.map(() => undefined)) }),
  ],
  "forgets headers": [
    "a delivery has what its parcel had",
    ({ send }) => ({ send: (batch) => send(batch.map((parcel) => ({ ...parcel, headers: {} }))) }),
  ],
  "lets another service read an inbox": [
    "an inbox has one service: another one that reads it is refused, and the first goes on",
    ({ receive }) => ({
      receive(channel, receiver) {
        const reading = receive(channel, receiver);
        return { ready: reading.ready.catch(() => {}), [Symbol.dispose]: () => reading[Symbol.dispose]() };
      },
    }),
  ],
  "drains without waiting": [
    "drain lets the batch in hand settle, and gives the rest to another process at once, in order",
    () => ({ drain: () => Promise.resolve() }),
  ],
  "tells nobody what is refused of that which does not wait": [immediate, sending({ tells: () => {} })],
  "says of what arrived that it failed": [
    immediate,
    sending({ tells: (refusal, failed) => failed(refusal) }),
  ],
  "says twice what is refused": [
    immediate,
    sending({
      tells: (refusal, failed) => {
        if (refusal !== undefined) [1, 2].forEach(() => failed(refusal));
      },
    }),
  ],
  "forgets the type of a body that does not wait": [
    immediate,
    sending({ of: (parcel) => ({ ...parcel, contentType: "application/json" }) }),
  ],
  "forgets the headers of what does not wait": [
    immediate,
    sending({ of: (one) => ({ ...one, headers: {} }) }),
  ],
  "takes what is too large without waiting": [immediate, sending({ takesLarge: true })],
  "takes more when it is closed": [immediate, sending({ takesClosed: true })],
};

Deno.test("a transport that sends without waiting by the means of its own send conforms", async () => {
  await casesOf(sending()).find(({ name }) => name === immediate)!.run();
});

/** A change of what receivers get. */
function received(change: (receiver: Receiver) => Partial<Receiver>): Change {
  return ({ receive }) => ({
    receive: (channel, receiver) =>
      receive(channel, {
        begin: (tenure) => receiver.begin(tenure),
        take: (batch, tenure) => receiver.take(batch, tenure),
        ...change(receiver),
      }),
  });
}

function changed(transport: Transport, change: Change): Transport {
  return {
    ...transport,
    async open(services) {
      const connection = await transport.open(services);
      const plain: TransportConnection = {
        send: (batch) => connection.send(batch),
        receive: (channel, receiver) => connection.receive(channel, receiver),
        drain: () => connection.drain(),
        state: connection.state,
        watch: (onChange) => connection.watch(onChange),
        close: () => connection.close(),
      };
      return { ...plain, ...change(plain) };
    },
  };
}

function casesOf(change: Change) {
  const clock = new VirtualClock();
  return transportConformance({
    transport: changed(memoryTransport({ broker: memoryBroker() }), change),
    clock,
    random: seededRandom(3),
    patienceMs: 500,
    advance: (byMs) => clock.advance(byMs),
  });
}

for (const [what, [caseName, change]] of Object.entries(faulty)) {
  Deno.test(`a transport that ${what} is found`, async () => {
    const found = casesOf(change).find(({ name }) => name === caseName);
    assert.ok(found !== undefined, `there is no case ${caseName}`);
    await assert.rejects(found.run());
    await casesOf(() => ({})).find(({ name }) => name === caseName)!.run();
  });
}

Deno.test("a case that needs a fault which is not given says so, and a case that does not exist cannot be skipped", () => {
  const cases = casesOf(() => ({}));
  const skipped = cases.filter(({ skipped }) => skipped !== undefined).map(({ skipped }) => skipped);
  assert.ok(skipped.includes("faults.cut is not given"));
  assert.ok(skipped.includes("only a log has positions"));
  assert.throws(
    () =>
      transportConformance({ transport: memoryTransport({ broker: memoryBroker() }), skip: { none: "" } }),
    TypeError,
  );
});

Deno.test("each case cleans up what it has made, by its prefix", async () => {
  const clock = new VirtualClock();
  const prefixes: string[] = [];
  const [first] = transportConformance({
    transport: memoryTransport({ broker: memoryBroker() }),
    clock,
    advance: (byMs) => clock.advance(byMs),
    cleanUp: (prefix) => void prefixes.push(prefix),
  });
  await first.run();
  await first.run();
  assert.equal(new Set(prefixes).size, 2);
});
