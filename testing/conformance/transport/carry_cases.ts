import type { Parcel } from "../../../runtime/ports/transport.ts";
import { bytes, expect, expectEqual } from "../expectations.ts";
import { add, type TransportBench } from "./bench.ts";

/** The cases about what is carried, and what is refused. */
export const carryCases: Readonly<Record<string, (bench: TransportBench) => Promise<void>>> = {
  async "parcels of one key arrive in order, each once"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const parcels = bench.parcels(300, bench.to(inbox));
    await bench.send(await bench.connect("a"), parcels);
    await bench.collectedInOrder(collector, parcels);
  },

  async "a thousand parcels of many keys arrive, each once, and those of one key in order"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const keyOf = (index: number) => `key ${index % 20}`;
    const parcels = Array.from({ length: 1_000 }, (_, index) => bench.parcel(bench.to(inbox, keyOf(index))));
    await bench.send(await bench.connect("a"), parcels);
    await bench.collected(collector, 1_000);
    for (let key = 0; key < 20; key++) {
      const sent = parcels.filter((_, index) => index % 20 === key).map(({ id }) => id);
      expectEqual(
        collector.taken.filter((delivery) => delivery.key === keyOf(key)).map(({ id }) => id),
        sent,
        `what was taken of key ${key}`,
      );
    }
  },

  async "a delivery has what its parcel had"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const expiresAtMs = bench.clock.now() + 3_600_000;
    const headers = {
      "posthorn-sender": `${bench.prefix}-a/order/ada%20b`, // a transport may refuse the name of another service
      traceparent: "00-4bf9-00f0-01",
      "x-note": "a ~! b",
    };
    const more = { contentType: "application/superjson+json", headers, correlationId: "c-1", expiresAtMs };
    const parcel = bench.parcel(bench.to(inbox, "ada"), more);
    await bench.send(await bench.connect("a"), [parcel]);
    await bench.collected(collector, 1);
    const [got] = collector.taken;
    expectEqual(
      [got.id, got.key, got.operation, got.contentType, got.correlationId, got.replyTo, [...got.body]],
      [parcel.id, "ada", add.name, more.contentType, "c-1", undefined, [...parcel.body]],
      "what it has",
    );
    for (const [name, value] of Object.entries(headers)) {
      expectEqual(got.headers[name], value, `the header ${name}`);
    }
    const differenceMs = Math.abs((got.expiresAtMs ?? 0) - expiresAtMs);
    expect(
      differenceMs <= 2_000,
      `It expires when its parcel does, and the difference is ${differenceMs} ms`,
    );
  },

  async "every byte survives, and so do bodies without one"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const bodies = [Uint8Array.from({ length: 256 }, (_, byte) => byte), new Uint8Array(), bytes(100_000, 7)];
    const parcels = bodies.map((body) =>
      bench.parcel(bench.to(inbox), {
        body,
        contentType: body.length === 0 ? undefined : "application/octet-stream",
      })
    );
    const buffer = bench.parcel(bench.to(inbox), { body: bodies[0].slice().subarray(1, 4) });
    const connection = await bench.connect("a");
    await bench.send(connection, [...parcels, buffer]);
    buffer.body.fill(0); // it belongs to the sender again
    await bench.collected(collector, 4);
    for (const [index, body] of [...bodies, new Uint8Array([1, 2, 3])].entries()) {
      const got = collector.taken[index];
      expectEqual(got.body.length, body.length, `the length of body ${index}`);
      expect(got.body.every((byte, at) => byte === body[at]), `Body ${index} has the bytes that were sent`);
    }
    expectEqual(collector.taken[1].contentType, undefined, "the media type where there is no payload");
  },

  async "keys of up to 512 bytes and of any characters arrive as they were"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(32 + index)).join("");
    const keys = [
      printable,
      "a.b/c:d*e>f#g%h+i j",
      "é𝄞日本",
      "x".repeat(512),
      "日".repeat(170),
      " ",
      "%41",
      "..a",
    ];
    await bench.send(await bench.connect("a"), keys.map((key) => bench.parcel(bench.to(inbox, key))));
    await bench.collected(collector, keys.length);
    expectEqual(collector.taken.map(({ key }) => key).toSorted(), keys.toSorted(), "the keys");
  },

  async "names of up to 64 characters, and all modes, can be declared and sent to"(bench) {
    const long = "n".repeat(63);
    const operations = ["tell", "ask", "submit"].map((mode) =>
      ({ name: `${long}${mode[0]}`, mode }) as typeof add
    );
    const inbox = { ...bench.inbox("n".repeat(64 - bench.prefix.length)), operations };
    const { collector } = await bench.read("b", inbox);
    await bench.send(
      await bench.connect("a"),
      operations.map((operation) => bench.parcel(bench.to(inbox, "k", operation))),
    );
    await bench.collected(collector, 3);
    expectEqual(
      collector.taken.map(({ operation }) => operation).toSorted(),
      operations.map(({ name }) => name).toSorted(),
      "the operations",
    );
  },

  async "a body of the maximum size arrives; a larger one is refused, and the others of its batch are sent"(
    bench,
  ) {
    const { messageBytes } = bench.transport.traits;
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const sizes = [1, messageBytes, messageBytes + 1, 2];
    const parcels = sizes.map((size) => bench.parcel(bench.to(inbox), { body: new Uint8Array(size) }));
    const answers = await bench.answers(await bench.connect("a"), parcels);
    expectEqual(
      answers.map((answer) => answer?.code),
      [undefined, undefined, "too-large", undefined],
      "the answers",
    );
    for (const value of [messageBytes, messageBytes + 1]) {
      expect(
        answers[2]!.message.includes(String(value)),
        `${answers[2]!.message}: it says the size and the limit`,
      );
    }
    await bench.collected(collector, 3);
    expectEqual(
      collector.taken.map(({ body }) => body.length),
      [1, messageBytes, 2],
      "the sizes of what was taken",
    );
  },

  async "an inbox that nobody has declared refuses with no-receiver, and takes the same parcel later"(bench) {
    const [inbox, other] = [bench.inbox("a"), bench.inbox("b")];
    const connection = await bench.connect("a");
    const parcels = bench.parcels(3, bench.to(inbox));
    const { collector: beside } = await bench.read("c", other);
    await bench.read("b", { kind: "process" }); // without a broker, a service that does not run may have it
    const answers = await bench.answers(connection, parcels);
    expectEqual(answers.map((answer) => answer?.code), Array(3).fill("no-receiver"), "the answers");
    const [there] = bench.parcels(1, bench.to(other));
    await bench.send(connection, [there]);
    await bench.collectedInOrder(beside, [there]);
    const { collector } = await bench.read("b", inbox);
    await bench.send(connection, parcels);
    await bench.collectedInOrder(collector, parcels);
  },

  async "what is sent while no process of its service runs waits for the next one"(bench) {
    const inbox = bench.inbox();
    const event = bench.event();
    const first = await bench.read("b", inbox);
    const heard = await bench.read("b", event, { connection: first.connection });
    await bench.close(first.connection);
    const parcels = bench.parcels(20, bench.to(inbox));
    const events: Parcel[] = bench.parcels(20, { ...event, subject: "", key: "k" });
    const sender = await bench.connect("a");
    await bench.send(sender, parcels);
    await bench.send(sender, events);
    const connection = await bench.connect("b");
    await Promise.all([ // without a pause, as a service does
      bench.read("b", inbox, { collector: first.collector, connection }),
      bench.read("b", event, { collector: heard.collector, connection }),
    ]);
    await bench.collectedInOrder(first.collector, parcels);
    await bench.collectedInOrder(heard.collector, events);
  },

  async "a send after close rejects with transport-closed, and close can be called twice"(bench) {
    const inbox = bench.inbox();
    const { connection } = await bench.read("b", inbox);
    await bench.within(connection.close(), "it is closed");
    await bench.within(connection.close(), "it is closed again");
    const code = await bench.within(connection.send(bench.parcels(1, bench.to(inbox))), "it rejects")
      .then(() => "none", (error) => error?.code);
    expectEqual(code, "transport-closed", "the code of a send after close");
  },
};
