// What concerns a whole node of RabbitMQ, so that no other test can use it at the same time.

import assert from "node:assert/strict";
import type { Broker } from "../../../brokers/broker.ts";
import { brokerTest } from "../../../brokers/given.ts";
import { addUser, changePassword, messagesIn, setMemoryMax } from "../../../brokers/rabbitmq_operator.ts";
import { Desk, inboxOf, parcels, sendAtLast, Taker, until } from "./bench.ts";

/** They have one node for all, one after the other: a node computes for four seconds until it serves. */
const cases: Readonly<Record<string, (node: Broker, prefix: string) => Promise<void>>> = {
  async "while it is short of memory the state is blocked, and reading goes on; then all is sent"(
    node,
    prefix,
  ) {
    await using desk = new Desk();
    const taker = new Taker();
    const reading = await desk.connect({ url: node.node.others.internal }, `${prefix}-b`);
    const release = Promise.withResolvers<void>();
    taker.before = () => release.promise;
    await reading.receive(inboxOf(prefix), taker).ready;
    const sender = reading; // the same process: what it reads it can still acknowledge
    await sender.send(parcels(prefix, 0, 300));
    const states: string[] = [];
    using _ = sender.watch(({ status }) => void states.push(status));
    await setMemoryMax(node, { share: 0.00001 });
    const sending = sendAtLast(sender, parcels(prefix, 300, 300));
    sending.catch(() => {}); // if something else fails before
    await until(() => sender.state.status === "blocked", "it is blocked");
    assert.match(sender.state.reason!, /takes no messages/);
    release.resolve();
    await until(() => taker.ids.length >= 300, "what is there is taken and acknowledged meanwhile");
    await until(
      async () => (await messagesIn(node, prefix)).unacknowledged === 0,
      "nothing waits for an acknowledgement",
    );
    await setMemoryMax(node, { bytes: 1e9 });
    await sending;
    await until(() => taker.firstIds.length === 600, "all are taken");
    assert.deepEqual(taker.firstIds, parcels(prefix, 0, 600).map(({ id }) => id));
    assert.deepEqual(states.filter((state, index) => state !== states[index - 1]), ["blocked", "connected"]);
  },

  async "a connection that is blocked can be closed"(node, prefix) {
    await using desk = new Desk();
    const reading = await desk.connect({ url: node.node.others.internal }, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), new Taker()).ready;
    const sender = await desk.connect({ url: node.node.others.internal }, `${prefix}-a`);
    await setMemoryMax(node, { share: 0.00001 });
    const sending = sender.send(parcels(prefix, 0, 3)).then(() => "sent", (error) => error.code);
    await until(() => sender.state.status === "blocked", "it is blocked");
    await desk.close(sender);
    assert.equal(await sending, "transport-closed");
    await setMemoryMax(node, { bytes: 1e9 });
  },

  async "a message that is larger than the broker allows is refused from the second time on, and nothing else"(
    node,
    prefix,
  ) {
    await using desk = new Desk();
    const taker = new Taker();
    const reading = await desk.connect({ url: node.node.others.internal }, `${prefix}-b`);
    await reading.receive(inboxOf(prefix), taker).ready;
    const sender = await desk.connect({ url: node.node.others.internal }, `${prefix}-a`);
    const [large] = parcels(prefix, 1, 1, { body: new Uint8Array(6_000) });
    const batch = [...parcels(prefix, 0, 1), large, ...parcels(prefix, 2, 1)];
    await assert.rejects(sender.send(batch), { code: "transport-unavailable" });
    const answers = await sender.send(batch);
    assert.deepEqual(answers.map((answer) => answer?.code), [undefined, "too-large", undefined]);
    assert.match(answers[1]!.message, /6000 of 5000 bytes/);
    await until(() => taker.firstIds.length === 2, "the others are taken");
    assert.deepEqual(taker.firstIds, [batch[0].id, batch[2].id]);
  },

  async "with TLS, an authority of one's own is trusted if it is named, and only then"(node, prefix) {
    const ca = await Deno.readTextFile(node.node.authority!);
    await using desk = new Desk();
    const url = Object.assign(new URL(node.url), { hostname: "localhost" }).href;
    const trusted = await desk.connect({ url, tls: { ca } }, `${prefix}-a`);
    assert.deepEqual(trusted.state, { status: "connected" });
    const doubted = await desk.connect({ url }, `${prefix}-b`);
    assert.equal(doubted.state.status, "connecting");
    assert.match(doubted.state.reason!, /UnknownIssuer|certificate/i);
  },

  async "a broker that comes back with another password is told as refused"(node, prefix) {
    await addUser(node, "ada", "one");
    await using desk = new Desk();
    const url = Object.assign(new URL(node.node.others.internal), { username: "ada", password: "one" }).href;
    const connection = await desk.connect({ url }, `${prefix}-a`);
    await changePassword(node, "ada", "two");
    await node.kill();
    await until(() => connection.state.status === "connecting", "it is not connected");
    await node.start();
    await until(() => connection.state.status === "refused", "it is refused");
  },
};

brokerTest(
  "rabbitmq",
  "RabbitMQ satisfies what concerns a whole node",
  async ({ own, prefix }, context) => {
    const node = await own({ tls: true, configuration: ["max_message_size = 5000"] });
    for (const [index, [name, run]] of Object.entries(cases).entries()) {
      await context.step(name, () => run(node, `${prefix}n${index}`));
    }
  },
);
