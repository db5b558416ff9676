import type {
  Delivery,
  Destination,
  InboxOperation,
  Parcel,
  Refusal,
  ReturnChannel,
  TransportConnection,
} from "../../../runtime/ports/transport.ts";
import { expect, expectEqual } from "../expectations.ts";
import { add, type TransportBench } from "./bench.ts";
import { Collector } from "./collector.ts";

/** The cases about replies, events, and who may connect. */
export const modeCases: Readonly<Record<string, (bench: TransportBench) => Promise<void>>> = {
  // deno-lint-ignore require-await -- what is thrown rejects
  async "it carries the engine of services"({ transport }) {
    expectEqual(
      typeof transport.engine?.["~begin"],
      "function",
      "its `engine`, which is `transportEngine` of the transport entry",
    );
  },

  async "a reply comes to the channel that its request names, with what the request carried"(bench) {
    const question: InboxOperation = { name: "total", mode: "ask" };
    const [inbox, own] = [bench.inbox("b", [add, question]), bench.inbox("a", [])];
    const server = await bench.read("b", inbox);
    const connection = await bench.connect("a");
    const channels = {
      replies: await bench.read("a", { kind: "replies" }, { connection }),
      process: await bench.read("a", { kind: "process" }, { connection }),
      inbox: await bench.read("a", own, { connection }),
    };
    const returns: readonly ReturnChannel[] = [
      { kind: "replies" },
      { kind: "process" },
      { kind: "inbox", protocol: own.protocol, key: "ada/b c" },
    ];
    const requests = returns.map((replyTo, index) =>
      bench.parcel(bench.to(inbox, "k", question), {
        replyTo,
        correlationId: `c ${index}`,
      })
    );
    await bench.send(connection, requests);
    await bench.collected(server.collector, 3);
    const replies = server.collector.taken.map(({ replyTo, correlationId }) => {
      expect(replyTo !== undefined, "A delivery says where its reply goes");
      return bench.parcel({ kind: "reply", address: replyTo }, {
        correlationId,
        headers: { "x-note": "reply" },
      });
    });
    for (const reply of replies) await bench.send(server.connection, [reply]);
    for (const [index, { collector }] of Object.values(channels).entries()) {
      await bench.collected(collector, 1);
      const [got] = collector.taken;
      const [request] = server.collector.taken.filter(({ correlationId }) => correlationId === `c ${index}`);
      const reply = replies.find(({ correlationId }) => correlationId === request.correlationId)!;
      expectEqual(
        [got.id, got.operation, got.correlationId, got.headers["x-note"], [...got.body]],
        [reply.id, undefined, request.correlationId, "reply", [...reply.body]],
        `the reply to ${returns[index].kind}`,
      );
      expectEqual(got.key, index === 2 ? "ada/b c" : "", "its key");
    }
  },

  async "a reply to an inbox keeps its order with what else is sent to that actor"(bench) {
    const own = bench.inbox();
    const { collector } = await bench.read("a", own);
    const sender = await bench.connect("b");
    const parcels = Array.from({ length: 60 }, (_, index) =>
      bench.parcel({
        kind: "inbox",
        protocol: own.protocol,
        key: "ada",
        operation: index % 2 === 0 ? add : undefined,
      }));
    await bench.send(sender, parcels);
    await bench.collectedInOrder(collector, parcels);
    expectEqual(
      collector.taken.map(({ operation }) => operation),
      parcels.map(({ to }) => "operation" in to ? to.operation?.name : undefined),
      "the operations, which replies do not have",
    );
  },

  async "the replies of a service wait for its next process"(bench) {
    const inbox = bench.inbox();
    const server = await bench.read("b", inbox);
    const client = await bench.read("a", { kind: "replies" });
    await bench.send(client.connection, [
      bench.parcel(bench.to(inbox), { replyTo: { kind: "replies" }, correlationId: "c" }),
    ]);
    await bench.collected(server.collector, 1);
    await bench.close(client.connection);
    const address = server.collector.taken[0].replyTo!;
    const replies = [bench.parcel({ kind: "reply", address }, { correlationId: "c" })];
    await bench.send(server.connection, replies);
    await bench.read("a", { kind: "replies" }, { collector: client.collector });
    await bench.collectedInOrder(client.collector, replies);
  },

  async "what may be lost goes without waiting if the connection can do that, or it is a matter of send"(
    bench,
  ) {
    const question: InboxOperation = { name: "total", mode: "ask" };
    const inbox = bench.inbox("b", [question]);
    const server = await bench.read("b", inbox);
    const client = await bench.read("a", { kind: "process" });
    const failures: (Refusal | undefined)[] = [];
    const sendNow = (connection: TransportConnection, parcel: Parcel) =>
      connection.sendNow?.(parcel, (refusal) => failures.push(refusal)) === true;
    const send = async (connection: TransportConnection, parcel: Parcel) => {
      if (!sendNow(connection, parcel)) await bench.send(connection, [parcel]);
    };
    const ask = (index: number, to: Destination) =>
      bench.parcel(to, {
        headers: { "x-note": `ask ${index}` },
        replyTo: { kind: "process" },
        correlationId: `c.${index}`,
      });
    const asks = Array.from(
      { length: 20 },
      (_, index) => ask(index, bench.to(inbox, `k ${index}`, question)),
    );
    for (const parcel of asks) await send(client.connection, parcel);
    await bench.collected(server.collector, asks.length);
    const sorted = (rows: readonly (readonly unknown[])[]) => rows.map(String).sort();
    expectEqual(
      sorted(server.collector.taken.map((one) => [one.key, one.operation, one.id, one.headers["x-note"]])),
      sorted(asks.map((one, index) => [`k ${index}`, question.name, one.id, one.headers["x-note"]])),
      "the asks",
    );
    const replies: string[] = [];
    const shown = ({ body, contentType = "application/json", headers }: Parcel | Delivery, name?: string) =>
      [name, ...body, contentType, headers["x-note"]].join(" ");
    for (const [index, { id, replyTo, correlationId, body }] of server.collector.taken.entries()) {
      expect(replyTo !== undefined, "A delivery says where its reply goes");
      const parcel = bench.parcel({ kind: "reply", address: replyTo }, {
        correlationId,
        body,
        contentType: index % 2 === 0 ? "application/json" : "application/problem+json",
        ...index % 3 === 0 && { headers: { "x-note": "reply" } },
      });
      replies.push(shown(parcel, asks.find((one) => one.id === id)!.correlationId));
      await send(server.connection, parcel);
    }
    await bench.collected(client.collector, asks.length);
    const got = client.collector.taken.map((one) => shown(one, one.correlationId));
    expectEqual(got.sort(), replies.sort(), "the replies");
    expectEqual(failures, [], "what became of those that arrived");
    const large = { ...asks[0], body: new Uint8Array(bench.transport.traits.messageBytes + 1) };
    expect(!sendNow(client.connection, large), "What is too large is a matter of send, which says so");
    if (sendNow(client.connection, ask(0, bench.to(bench.inbox("c"), "k", question)))) {
      expectEqual(failures, [], "what became of one that was sent just now");
      await bench.eventually(() => failures.length > 0, "what nobody reads is refused");
      expectEqual(failures.map((refusal) => refusal?.code), ["no-receiver"], "the refusal");
    }
    const known = failures.length;
    await bench.close(client.connection);
    expectEqual(failures.length, known, "how many failed when the connection is closed");
    expect(!sendNow(client.connection, asks[0]), "A connection that is closed sends nothing");
  },

  async "a reply to a process that is gone does not fail, and does not wait"(bench) {
    const inbox = bench.inbox();
    const server = await bench.read("b", inbox);
    const client = await bench.read("a", { kind: "process" });
    await bench.send(client.connection, [bench.parcel(bench.to(inbox), { replyTo: { kind: "process" } })]);
    await bench.collected(server.collector, 1);
    await bench.close(client.connection);
    const address = server.collector.taken[0].replyTo!;
    await bench.answers(server.connection, [bench.parcel({ kind: "reply", address })]);
    const own = bench.inbox("z");
    const { collector } = await bench.read("a", own);
    const parcels = bench.parcels(3, bench.to(own));
    await bench.send(server.connection, parcels); // the connection goes on
    await bench.collectedInOrder(collector, parcels);
  },

  async "each service that reads an event gets each message once, in the order of its key"(bench) {
    const event = bench.event();
    const [b, c] = [await bench.read("b", event), await bench.read("c", event)];
    await bench.read("b", event, { collector: b.collector }); // one of its processes is enough
    const subjects = ["", "de.berlin", "a..b", "*", ">", "de.>", "x".repeat(255), "é#% /+"];
    const parcels: Parcel[] = Array.from(
      { length: 80 },
      (_, index) => bench.parcel({ ...event, subject: subjects[index % subjects.length], key: "order/ada" }),
    );
    await bench.send(await bench.connect("a"), parcels);
    for (const { collector } of [b, c]) {
      await bench.collectedInOrder(collector, parcels);
      expectEqual(
        collector.taken.map(({ key }) => key),
        parcels.map((_, index) => subjects[index % subjects.length]),
        "the subjects",
      );
    }
  },

  async "an event that nobody reads is sent, and whoever reads it later does not get it"(bench) {
    const event = bench.event();
    const publisher = await bench.connect("a");
    const { connection } = await bench.read("b", { kind: "process" }); // without a broker, one that is away may hear it
    const publish = async (count: number) => {
      const parcels = bench.parcels(count, { ...event, subject: "s", key: "k" });
      await bench.send(publisher, parcels);
      return parcels;
    };
    await publish(3);
    await bench.settled();
    const { collector } = await bench.read("b", event, { connection });
    const parcels = await publish(5);
    await bench.collectedInOrder(collector, parcels);
  },

  async "events of one protocol are kept apart, and a survey is answered to its process"(bench) {
    const [settled, quote] = [bench.event("settled"), bench.event("quote", "survey")];
    const reader = await bench.connect("b");
    const events = await bench.read("b", settled, { connection: reader });
    const surveys = await bench.read("b", quote, { connection: reader });
    const asker = await bench.read("a", { kind: "process" });
    const survey = bench.parcel({ ...quote, subject: "", key: "k" }, {
      replyTo: { kind: "process" },
      correlationId: "c",
    });
    await bench.send(asker.connection, [survey]);
    await bench.collectedInOrder(surveys.collector, [survey]);
    const { replyTo: address = "", correlationId } = surveys.collector.taken[0];
    const answers = [1, 2].map(() => bench.parcel({ kind: "reply", address }, { correlationId }));
    await bench.send(reader, answers);
    await bench.collectedInOrder(asker.collector, answers);
    expectEqual(events.collector.ids, [], "what came to the other event");
  },

  async "a process of a service with another store is refused while the first one runs"(bench) {
    const inbox = bench.inbox();
    await bench.read("b", inbox);
    const code = await bench.connect("b", { store: "other" }).then(
      () => "none",
      (error) => error?.code,
    );
    expectEqual(code, "another-store", "the code with which open rejects");
    await bench.read("b", inbox, { collector: new Collector() }); // one with the same store may come
  },

  async "an inbox has one service: another one that reads it is refused, and the first goes on"(bench) {
    const inbox = bench.inbox();
    const { collector } = await bench.read("b", inbox);
    const code = await bench.read("c", inbox).then(() => "none", (error) => error?.code);
    expectEqual(code, "another-service", "the code with which ready rejects");
    const parcels = bench.parcels(5, bench.to(inbox));
    await bench.send(await bench.connect("a"), parcels);
    await bench.collectedInOrder(collector, parcels);
  },

  async "a connection says that it is connected, and watches can be ended"(bench) {
    const { connection } = await bench.read("a", { kind: "process" });
    await bench.eventually(
      () => connection.state.status === "connected",
      () => `it is ${connection.state.status}`,
    );
    const watch = connection.watch(() => {});
    watch[Symbol.dispose]();
    watch[Symbol.dispose]();
  },
};
