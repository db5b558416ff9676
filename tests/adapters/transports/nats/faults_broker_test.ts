// What a NATS server, its network and its other clients do to the transport.

import assert from "node:assert/strict";
import type { Parcel, Refusal } from "@posthorn/posthorn/transport";
import { brokerTest } from "../../../brokers/given.ts";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";
import { api, asAdministrator, deleteStreams } from "./admin.ts";
import { eventually, parcels, Stage, total } from "./stage.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => String(index));

function proxyOf(url: string): TcpProxy {
  return new TcpProxy({ hostname: "127.0.0.1", port: Number(new URL(url).port) });
}

brokerTest(
  "nats",
  "two services that send to one inbox at once keep their order, each",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const inbox = stage.inbox("a");
    const taken = await stage.read(await stage.connect("reader", { url }), inbox);
    await Promise.all(["x", "y", "z"].map(async (name) => {
      const connection = await stage.connect(name, { url });
      for (let from = 0; from < 1_000; from += 200) {
        const batch = parcels(inbox, from, 200, { headers: { from: name } });
        assert.deepEqual(await connection.send(batch), Array(200).fill(undefined));
      }
    }));
    await eventually(() => taken.deliveries.length >= 3_000, "all are taken");
    for (const name of ["x", "y", "z"]) {
      const own = taken.deliveries.filter(({ headers }) => headers.from === name);
      assert.deepEqual(own.map(({ body }) => new TextDecoder().decode(body)), numbers(1_000));
    }
    await deleteStreams(url, (stream) => stream.includes(prefix.toUpperCase()) || stream.includes(prefix));
  },
);

brokerTest(
  "nats",
  "a service without a store reads from an empty server, and each message once",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const { url } = await own();
    const inbox = stage.inbox("a");
    const first = await stage.connect("reader", { url }, { stored: false });
    const taken = await stage.read(first, inbox);
    const sender = await stage.connect("sender", { url }, { stored: false });
    await sender.send(parcels(inbox, 0, 20));
    await eventually(() => taken.deliveries.length === 20, "all are taken");
    await first.drain();
    const next = await stage.read(await stage.connect("reader", { url }, { stored: false }), inbox);
    await sender.send(parcels(inbox, 20, 1));
    await eventually(() => next.deliveries.length > 0, "the next is taken");
    assert.deepEqual(next.bodies, ["20"]);
    assert.deepEqual(stage.reported, []);
  },
);

brokerTest(
  "nats",
  "a connection that is cut in the middle of a frame loses nothing and keeps the order",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    await using toSender = proxyOf(url);
    await using toReader = proxyOf(url);
    const inbox = stage.inbox("a");
    const taken = await stage.read(
      await stage.connect("reader", { url: `nats://127.0.0.1:${toReader.port}` }),
      inbox,
    );
    const sender = await stage.connect("sender", { url: `nats://127.0.0.1:${toSender.port}` });
    for (let from = 0, tries = 0; from < 1_000; tries++) {
      toSender.cutAfter(tries % 2 === 0 ? 20_000 + 777 * tries : Infinity);
      toReader.cutAfter(tries % 3 === 0 ? 10_000 + 333 * tries : Infinity);
      const answers = await sender.send(parcels(inbox, from, 100)).catch(() => undefined);
      if (answers?.every((answer) => answer === undefined)) from += 100;
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const all = numbers(1_000);
    await eventually(() => new Set(taken.bodies).size === 1_000, "all are taken");
    assert.deepEqual([...new Set(taken.bodies)], all, "the first occurrences are in order");
    assert(taken.tenures.length > 1, "the reader was cut, too");
  },
);

brokerTest(
  "nats",
  "another process reads on when one falls silent, within the time that the traits tell",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    await using proxy = proxyOf(url);
    const inbox = stage.inbox("a");
    const silent = await stage.connect("reader", { url: `nats://127.0.0.1:${proxy.port}` });
    const first = await stage.read(silent, inbox);
    const sender = await stage.connect("sender", { url });
    await sender.send(parcels(inbox, 0, 10));
    await eventually(() => first.deliveries.length === 10, "the first one reads");
    const second = await stage.read(await stage.connect("reader", { url }), inbox);
    second.position = first.position;
    await proxy.isolate(); // it cannot give its lease back
    const silentSinceMs = performance.now();
    await sender.send(parcels(inbox, 10, 10));
    await eventually(() => second.deliveries.length === 10, "the second one reads");
    assert.deepEqual([...first.bodies, ...second.bodies], numbers(20));
    assert(first.tenures[0].signal.aborted);
    assert(performance.now() - silentSinceMs < 20_000);
    proxy.restore();
  },
);

brokerTest("nats", "a process that has lost its lease ends its tenure", async ({ own, prefix }) => {
  await using stage = new Stage(prefix);
  const node = await own();
  const inbox = stage.inbox("a");
  const taken = await stage.read(await stage.connect("reader", { url: node.url }), inbox);
  await eventually(() => taken.tenures.length === 1, "a tenure begins");
  await asAdministrator(node.url, async (connection) => {
    await api(connection, "STREAM.PURGE.POSTHORN_READERS");
    const subject = `posthorn.readers.${prefix}-reader.inbox-${inbox.protocol}`;
    await connection.request(subject, "somebody else", { timeout: 5_000 });
  });
  await eventually(() => taken.tenures[0].signal.aborted, "its tenure ends");
  await eventually(() => taken.tenures.length === 2, "it begins again when the other lease has expired");
});

brokerTest(
  "nats",
  "drain leaves no consumer and no lease, and what is in hand is accepted",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const node = await own();
    const inbox = stage.inbox("a", [{ name: "add", mode: "tell" }, { name: "total", mode: "ask" }]);
    const reader = await stage.connect("reader", { url: node.url });
    const taken = await stage.read(reader, inbox);
    const sender = await stage.connect("sender", { url: node.url });
    await sender.send(parcels(inbox, 0, 50));
    await eventually(() => taken.deliveries.length === 50, "all are taken");
    await reader.drain();
    const ask = {
      to: { ...parcels(inbox, 0, 1)[0].to, operation: { name: "total", mode: "ask" } },
      replyTo: { kind: "process" },
    } as const;
    const [answer] = await sender.send(parcels(inbox, 50, 1, { ...ask, correlationId: "c" }));
    assert.equal(answer?.code, "no-receiver", "nobody hears asks any more");
    await asAdministrator(node.url, async (connection) => {
      const stateOf = async (stream: string) =>
        (await api<{ state: { messages: number; consumer_count: number } }>(
          connection,
          `STREAM.INFO.${stream}`,
        )).state;
      await eventually(
        async () => (await stateOf(inbox.protocol.toUpperCase())).consumer_count === 0,
        "no consumer is left",
      );
      await eventually(async () => (await stateOf("POSTHORN_READERS")).messages === 0, "no lease is left");
    });
  },
);

brokerTest(
  "nats",
  "a stream that is full blocks, loses nothing, and goes on when there is room",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const node = await own();
    const inbox = stage.inbox("a");
    const taken = await stage.read(await stage.connect("reader", { url: node.url }), inbox);
    const stream = inbox.protocol.toUpperCase();
    const limit = (bytes: number) =>
      asAdministrator(node.url, async (connection) => {
        const { config } = await api<{ config: Record<string, unknown> }>(
          connection,
          `STREAM.INFO.${stream}`,
        );
        await api(connection, `STREAM.UPDATE.${stream}`, { ...config, max_bytes: bytes });
      });
    await limit(4_000);
    const sender = await stage.connect("sender", { url: node.url });
    await assert.rejects(sender.send(parcels(inbox, 0, 100)), {
      code: "transport-full",
      message: /takes nothing: maximum bytes/,
    });
    assert.equal(sender.state.status, "blocked");
    await limit(-1);
    assert.deepEqual(await sender.send(parcels(inbox, 0, 100)), Array(100).fill(undefined));
    assert.equal(sender.state.status, "connected");
    await eventually(() => new Set(taken.bodies).size === 100, "all are taken");
    assert.deepEqual([...new Set(taken.bodies)], numbers(100));
  },
);

brokerTest(
  "nats",
  "who is told that nobody knows what became of a message finds the connection away, and waits for it",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    await using proxy = proxyOf(url);
    const sender = await stage.connect("sender", { url: `nats://127.0.0.1:${proxy.port}` });
    const to = { kind: "reply", address: `_INBOX.${prefix}.r.1` } as const;
    const told: unknown[] = [];
    proxy.hold();
    for (const parcel of parcels(stage.inbox("a"), 0, 3)) {
      assert(sender.sendNow!({ ...parcel, to }, (refusal) => told.push([refusal, sender.state.status])));
    }
    proxy.cut();
    await eventually(() => told.length === 3, "all are told");
    assert.deepEqual(told, Array(3).fill([undefined, "connecting"]));
  },
);

brokerTest(
  "nats",
  "what a user may not do is refused, and is in no endless loop",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const permissions = `{ publish: { deny: ["${prefix}a.>", "_INBOX.${prefix}.>"] } }`;
    const users =
      `authorization { users: [ { user: "all", password: "a" }, { user: "some", password: "s", permissions: ${permissions} }, ` +
      `{ user: "deaf", password: "d", permissions: { subscribe: { deny: ["_INBOX.>"] } } } ] }`;
    const node = await own({ configuration: [users] });
    const { host } = new URL(node.url);
    const inbox = stage.inbox("a");
    await stage.read(await stage.connect("reader", { url: `nats://all:a@${host}` }), inbox);
    const some = await stage.connect("some", { url: `nats://some:s@${host}` });
    const answers = await some.send(parcels(inbox, 0, 2));
    assert.deepEqual(answers.map((answer) => answer?.code), ["refused", "refused"]);
    const asks = Array.from({ length: 50 }, (_, index): Parcel => ({
      ...parcels(inbox, index, 1)[0],
      to: { kind: "inbox", protocol: inbox.protocol, key: `k${index}`, operation: total },
      replyTo: { kind: "process" },
      correlationId: String(index),
    }));
    const posted = await some.send(asks);
    assert.deepEqual(posted.map((answer) => answer?.code), Array(50).fill("refused"));
    const refused: (Refusal | undefined)[] = [];
    for (const ask of asks) assert(some.sendNow!(ask, (refusal) => refused.push(refusal)));
    await eventually(() => refused.length === asks.length, "each of them is refused");
    assert.deepEqual(refused.map((refusal) => refusal?.code), Array(50).fill("refused"));
    const to = { kind: "reply", address: `_INBOX.${prefix}.posthorn.c.m.1.s` } as const;
    const replies = parcels(inbox, 0, 2, { to, contentType: undefined });
    for (const reply of [...replies, { ...replies[0], replyTo: { kind: "process" } } as const]) {
      assert(some.sendNow!(reply, (refusal) => refused.push(refusal)));
    }
    await eventually(
      () => refused.length >= asks.length + 3,
      "replies are refused where they were asked for too",
    );
    await some.send(asks.slice(0, 1)); // the server has done all that was sent before
    assert.deepEqual(refused.slice(50).map((refusal) => refusal?.code), Array(3).fill("refused"));
    const deaf = await stage.connect("deaf", { url: `nats://deaf:d@${host}` });
    await eventually(() => deaf.state.status === "refused", "it is refused");
    assert.match(deaf.state.reason!, /may not subscribe to _INBOX\.>/);
  },
);

brokerTest(
  "nats",
  "the inbox of another service is refused, and so is the name that is reserved",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const inbox = stage.inbox("a");
    await stage.read(await stage.connect("reader", { url }), inbox);
    const other = await stage.connect("other", { url });
    await assert.rejects(stage.read(other, inbox), {
      code: "another-service",
      message: new RegExp(`${prefix}-reader reads it`),
    });
    await assert.rejects(stage.read(other, { ...inbox, protocol: "posthorn" }), { code: "reserved-name" });
  },
);

brokerTest(
  "nats",
  "an operation that becomes an ask is no longer answered by the stream",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const before = stage.inbox("a", [{ name: "add", mode: "tell" }, { name: "total", mode: "submit" }]);
    const first = await stage.connect("reader", { url });
    await stage.read(first, before);
    await first.close();
    const asked = await stage.read(
      await stage.connect("reader", { url }),
      stage.inbox("a", [{ name: "total", mode: "ask" }]),
    );
    const sender = await stage.connect("sender", { url });
    const answers = await stage.read(sender, { kind: "process" });
    const to = {
      kind: "inbox",
      protocol: before.protocol,
      key: "ada",
      operation: { name: "total", mode: "ask" },
    } as const;
    assert.deepEqual(
      await sender.send(parcels(before, 0, 1, { to, replyTo: { kind: "process" }, correlationId: "c" })),
      [undefined],
    );
    await eventually(() => asked.deliveries.length === 1, "it is asked");
    assert.equal(answers.deliveries.length, 0, "no stream has answered");
    assert.deepEqual(
      await sender.send(parcels(before, 1, 1)),
      [undefined],
      "a process of the version before may still tell",
    );
  },
);

brokerTest(
  "nats",
  "a server that wants TLS gets it, or the reason says what to use instead",
  async ({ own, prefix }) => {
    await using stage = new Stage(prefix);
    const { node } = await own({ tls: true, password: true });
    const ca = await Deno.readTextFile(node.authority!);
    const connection = await stage.connect("reader", { url: node.url, tls: { ca } });
    const { status, reason } = connection.state;
    const [major, minor] = Deno.version.deno.split(".").map(Number);
    if (major > 2 || minor >= 9) assert.deepEqual([status, reason], ["connected", undefined]);
    else {assert(
        status === "refused" && /use wss:\/\/ there$/.test(reason!) && !reason!.includes(node.password!),
      );}
    const untrusting = await stage.connect("reader", { url: node.url });
    assert.notEqual(untrusting.state.status, "connected", "an authority that nobody knows is not trusted");
  },
);

brokerTest(
  "nats",
  "no ask is lost while one of two processes drains: what the server gave it before is handed over",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const inbox = stage.inbox("a", [total]);
    const draining = await stage.connect("reader", { url });
    const takens = [await stage.read(draining, inbox)];
    takens.push(await stage.read(await stage.connect("reader", { url }), inbox));
    const sender = await stage.connect("sender", { url });
    const to = { kind: "inbox", protocol: inbox.protocol, key: "ada", operation: total } as const;
    const asks = parcels(inbox, 0, 2_000, { to, replyTo: { kind: "process" }, correlationId: "c" });
    let drained: Promise<void> | undefined;
    for (const [index, ask] of asks.entries()) {
      assert(sender.sendNow!(ask, (refusal) => assert.fail(refusal?.message)));
      if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
      if (index === 1_000) drained = draining.drain();
    }
    await drained;
    const taken = () => takens.flatMap(({ bodies }) => bodies).toSorted((a, b) => Number(a) - Number(b));
    await eventually(() => taken().length === asks.length, "all are taken");
    assert.deepEqual(taken(), numbers(asks.length));
    assert(takens[0].deliveries.length > 0);
  },
);
