// What is special about RabbitMQ when it, its operator or the network does wrong.

import assert from "node:assert/strict";
import { PosthornError } from "@posthorn/posthorn";
import { brokerTest } from "../../../brokers/given.ts";
import {
  addUser,
  changePassword,
  clearPolicy,
  connectionsOf,
  deleteUser,
  messagesIn,
  setPolicy,
  setTopicPermissions,
} from "../../../brokers/rabbitmq_operator.ts";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";
import { answeredAtLast, Desk, inboxOf, parcels, sendAtLast, stranger, Taker, until } from "./bench.ts";

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function through(url: string, proxy: TcpProxy): string {
  return Object.assign(new URL(url), { port: String(proxy.port) }).href;
}

brokerTest(
  "rabbitmq",
  "RabbitMQ: an exchange without a queue is no receiver, and neither is a queue that was deleted",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const sender = await desk.connect({ url }, `${prefix}-a`);
    await other.channel.exchangeDeclare({ exchange: prefix, type: "topic", durable: true });
    const answers = await sender.send(parcels(prefix, 0, 3));
    assert.deepEqual(answers.map((answer) => answer?.code), Array(3).fill("no-receiver"));
    const reading = await desk.connect({ url }, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), new Taker()).ready;
    assert.deepEqual(await sender.send(parcels(prefix, 0, 3)), Array(3).fill(undefined));
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: connections that are cut in the midst of frames lose nothing and keep the order",
  async ({ url, prefix }) => {
    await using proxy = new TcpProxy({ hostname: "127.0.0.1", port: portOf(url) });
    await using desk = new Desk();
    const taker = new Taker();
    const options = { url: through(url, proxy) };
    const reading = await desk.connect(options, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), taker).ready;
    const sender = await desk.connect(options, `${prefix}-a`);
    const sent: string[] = [];
    for (let round = 0; round < 25; round++) {
      const batch = parcels(prefix, 40 * round, 40, { body: new Uint8Array(300) });
      // Prime numbers, so that the cuts are at different places of the frames.
      if (round % 2 === 0) proxy.cutAfter(97 + 1_009 * round);
      await sendAtLast(sender, batch);
      sent.push(...batch.map(({ id }) => id));
    }
    await until(() => taker.firstIds.length === sent.length, "all are taken");
    assert.deepEqual(taker.firstIds, sent);
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: a broker that is killed again and again has all that it took, in order",
  async ({ own, prefix }) => {
    const { url, ...broker } = await own().then((node) => ({ url: node.url, node }));
    await using desk = new Desk();
    const taker = new Taker();
    const reading = await desk.connect({ url }, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), taker).ready;
    const sender = await desk.connect({ url }, `${prefix}-a`);
    const sent: string[] = [];
    let over = false;
    const sending = (async () => {
      for (let round = 0; !over; round++) {
        const batch = parcels(prefix, 20 * round, 20);
        await sendAtLast(sender, batch);
        sent.push(...batch.map(({ id }) => id));
      }
    })();
    sending.catch(() => {}); // if the test fails, its own error says why
    for (let kills = 0; kills < 2; kills++) {
      const before = sent.length;
      await until(() => sent.length > before + 200, "more is sent");
      await broker.node.kill();
      await broker.node.start();
    }
    const before = sent.length;
    await until(() => sent.length > before + 100, "it goes on");
    over = true;
    await sending;
    await until(() => taker.firstIds.length === sent.length, "all are taken");
    assert.deepEqual(taker.firstIds, sent);
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: a user who may write one queue and not another is refused there alone",
  async ({ url: all, broker, prefix }) => {
    const permissions = [`^${prefix}.*store$`, `^${prefix}(ok|.*store)$`, ".*"] as const;
    await addUser(broker, `${prefix}limited`, "pw", permissions);
    await using desk = new Desk();
    const taker = new Taker();
    const reading = await desk.connect({ url: all }, `${prefix}-b`);
    await reading.receive(inboxOf(`${prefix}ok`), taker).ready;
    await reading.receive(inboxOf(`${prefix}no`), new Taker()).ready;
    const url = Object.assign(new URL(all), { username: `${prefix}limited`, password: "pw" }).href;
    const sender = await desk.connect({ url }, `${prefix}-a`);
    const answers = await sender.send(parcels(`${prefix}no`, 0, 3));
    assert.deepEqual(answers.map((answer) => answer?.code), Array(3).fill("refused"));
    assert.match(answers[0]!.message, /ACCESS_REFUSED/);
    assert.deepEqual(await sender.send(parcels(`${prefix}ok`, 0, 3)), Array(3).fill(undefined));
    await until(() => taker.ids.length === 3, "they are taken");
    // It may not declare what it wants to read: that is told, and the connection goes on.
    sender.receive(inboxOf(`${prefix}mine`), new Taker());
    await until(() => desk.reported.length > 0, "it is reported");
    assert.match(String(desk.reported[0]), new RegExp(`${prefix}mine.*ACCESS_REFUSED`));
    assert.deepEqual(await sender.send(parcels(`${prefix}ok`, 3, 1)), [undefined]);
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: a password that is set right lets the connection in by itself",
  async ({ url: all, broker, prefix }) => {
    await addUser(broker, `${prefix}late`, "other");
    await using desk = new Desk();
    const url = Object.assign(new URL(all), { username: `${prefix}late`, password: "s3cret" }).href;
    const connection = await desk.connect({ url }, `${prefix}-a`);
    assert.equal(connection.state.status, "refused");
    assert.match(connection.state.reason!, /ACCESS_REFUSED|Login was refused/);
    await assert.rejects(connection.send(parcels(prefix, 0, 1)), (error: Error & { code?: string }) => {
      assert.ok(!Deno.inspect(error, { depth: 20 }).includes("s3cret"));
      return error.code === "transport-unavailable";
    });
    await changePassword(broker, `${prefix}late`, "s3cret");
    await until(() => connection.state.status === "connected", "it is connected");
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: of the nodes of a cluster one that is there is found",
  async ({ url, prefix }) => {
    await using gone = new TcpProxy({ hostname: "127.0.0.1", port: portOf(url) });
    const away = through(url, gone);
    await gone.isolate();
    await using desk = new Desk();
    const connection = await desk.connect({ url: [away, url] }, `${prefix}-a`);
    await until(() => connection.state.status === "connected", "it is connected");
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: when a process falls silent another one goes on with its queue, in order",
  async ({ url, prefix }) => {
    await using silent = new TcpProxy({ hostname: "127.0.0.1", port: portOf(url) });
    await using desk = new Desk();
    const [first, second] = [new Taker(), new Taker()];
    const one = await desk.connect({ url: through(url, silent), heartbeatSeconds: 1 }, `${prefix}-b`);
    const sender = await desk.connect({ url }, `${prefix}-a`);
    await one.receive(inboxOf(prefix), first).ready;
    await sendAtLast(sender, parcels(prefix, 0, 10));
    await until(() => first.ids.length === 10, "the first one reads");
    const two = await desk.connect({ url, heartbeatSeconds: 1 }, `${prefix}-b`);
    await two.receive(inboxOf(prefix), second).ready;
    silent.hold(); // its connections stay, and nothing passes
    await sendAtLast(sender, parcels(prefix, 10, 100));
    await until(() => second.ids.length === 100, "the second one reads");
    assert.deepEqual(second.ids, parcels(prefix, 10, 100).map(({ id }) => id));
    await until(() => [...first.tenures].every(({ signal }) => signal.aborted), "the first one knows");
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: a queue that is there with other properties is reported, and read when it is gone",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    await other.channel.queueDeclare({ queue: prefix, durable: true, arguments: {} });
    const connection = await desk.connect({ url }, `${prefix}-a`);
    const taker = new Taker();
    const { ready } = connection.receive(inboxOf(prefix), taker);
    await until(() => desk.reported.length > 0, "it is reported");
    assert.match(
      String(desk.reported[0]),
      new RegExp(`${prefix}.*PRECONDITION_FAILED.*x-single-active-consumer`),
    );
    await other.channel.queueDelete({ queue: prefix });
    await ready;
    assert.equal(desk.reported.length, 1); // and not with each attempt
    await sendAtLast(connection, parcels(prefix, 0, 1));
    await until(() => taker.ids.length === 1, "it is read");
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: an inbox that another service has is refused, until its mark is deleted",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const first = await desk.connect({ url }, `${prefix}-a`);
    await first.receive(inboxOf(prefix), new Taker()).ready;
    const second = await desk.connect({ url }, `${prefix}-b`);
    await assert.rejects(second.receive(inboxOf(prefix), new Taker()).ready, { code: "another-service" });
    await other.channel.queueDelete({ queue: `${prefix}.service` });
    await second.receive(inboxOf(prefix), new Taker()).ready;
    assert.deepEqual(desk.reported, []);
    // The first reads on until it has to declare its queue anew: then nobody waits for it, so it is reported.
    await other.channel.queueDelete({ queue: prefix });
    const isTold = (error: unknown) => error instanceof PosthornError && error.code === "another-service";
    await until(() => desk.reported.some(isTold), "it is reported");
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: drain leaves nothing that waits for a time-out, and close leaves no connection",
  async ({ url: all, broker, prefix }) => {
    const user = `${prefix}user`;
    await addUser(broker, user, "pw");
    const url = Object.assign(new URL(all), { username: user, password: "pw" }).href;
    await using desk = new Desk();
    const taker = new Taker();
    taker.before = () => new Promise((resolve) => setTimeout(resolve, 20));
    const reading = await desk.connect({ url }, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), taker).ready;
    const sender = await desk.connect({ url }, `${prefix}-a`);
    for (let round = 0; round < 10; round++) await sender.send(parcels(prefix, 100 * round, 100));
    await reading.drain();
    await until(async () => { // the broker counts every few seconds
      const { ready, unacknowledged } = await messagesIn(broker, prefix);
      return ready + taker.ids.length === 1_000 && unacknowledged === 0;
    }, "all that was not taken is ready");
    await desk.close(reading);
    await desk.close(sender);
    await until(async () => await connectionsOf(broker, user) === 0, "no connection is left");
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: two namespaces share a broker without meeting, stores and all",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    const event = { kind: "event", protocol: "order", event: "settled", mode: "event" } as const;
    const takers = { a: new Taker(), b: new Taker() };
    for (const [name, taker] of Object.entries(takers)) {
      const connection = await desk.connect({ url, namespace: prefix + name }, "orders", `store of ${name}`);
      await connection.receive(inboxOf("order"), taker).ready;
      await connection.receive(event, taker).ready;
      await sendAtLast(connection, parcels("order", name === "a" ? 0 : 10, 2));
      await connection.send(
        parcels("", name === "a" ? 2 : 12, 1, { to: { ...event, subject: "de", key: "k" } }),
      );
    }
    await until(() => Object.values(takers).every(({ ids }) => ids.length === 3), "all are taken");
    assert.deepEqual(takers.a.ids.toSorted(), parcels("order", 0, 3).map(({ id }) => id));
    assert.deepEqual(takers.b.ids.toSorted(), parcels("order", 10, 3).map(({ id }) => id));
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: an exchange that is deleted while its queue stays is declared anew",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const taker = new Taker();
    const connection = await desk.connect({ url }, `${prefix}-a`);
    await connection.receive(inboxOf(prefix), taker).ready;
    await sendAtLast(connection, parcels(prefix, 0, 1));
    await other.channel.exchangeDelete({ exchange: prefix });
    await sendAtLast(connection, parcels(prefix, 1, 1)); // "no receiver" until the reader has looked
    await until(() => taker.ids.length === 2, "both are taken");
    assert.equal(taker.tenures.size, 1); // the reader goes on
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: what a full queue refuses nobody knows about, and sent again it arrives in order",
  async ({ url, broker, prefix }) => {
    await using desk = new Desk();
    const taker = new Taker();
    const release = Promise.withResolvers<void>();
    taker.before = () => release.promise;
    await setPolicy(broker, prefix, `^${prefix}$`, { "max-length": 5, overflow: "reject-publish" });
    const connection = await desk.connect({ url, prefetch: 2 }, `${prefix}-a`);
    await connection.receive(inboxOf(prefix), taker).ready;
    const sent: string[] = [];
    let refused: Error | undefined;
    while (refused === undefined) { // the bound of a quorum queue is not exact
      const batch = parcels(prefix, sent.length, 20);
      sent.push(...batch.map(({ id }) => id));
      refused = await connection.send(batch).then(() => undefined, (error) => error);
      if (refused === undefined) continue;
      assert.match(refused.message, /rejected by server/);
      release.resolve();
      await clearPolicy(broker, prefix);
      await sendAtLast(connection, batch);
    }
    await until(() => taker.firstIds.length === sent.length, "all are taken");
    assert.deepEqual(taker.firstIds, sent);
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: of a batch only what the user may not write is refused, whoever sends beside it",
  async ({ url, broker, prefix }) => {
    const user = `${prefix}user`;
    await addUser(broker, user, "pw");
    await setTopicPermissions(broker, user, prefix, "^may", ".*");
    await using desk = new Desk();
    const taker = new Taker();
    const reading = await desk.connect({ url }, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), taker).ready;
    const limited = Object.assign(new URL(url), { username: user, password: "pw" }).href;
    const sender = await desk.connect({ url: limited }, `${prefix}-a`);
    const keys = ["may", "may", "not", "may", "not", "may"];
    const batch = keys.map((key, index) =>
      parcels(prefix, index, 1, { to: { kind: "inbox", protocol: prefix, key } })[0]
    );
    const another = parcels(prefix, 10, 1, { to: { kind: "inbox", protocol: prefix, key: "may" } });
    const [answers] = await Promise.all([answeredAtLast(sender, batch), sendAtLast(sender, another)]);
    assert.deepEqual(
      answers.map((answer) => answer?.code ?? "may"),
      keys.map((key) => key === "may" ? key : "refused"),
    );
    await until(() => new Set(taker.ids).size === 5, "what it may write is taken");
    await deleteUser(broker, user);
  },
);
