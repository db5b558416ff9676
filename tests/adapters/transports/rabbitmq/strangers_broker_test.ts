// What programs that know nothing but RabbitMQ send and get.

import assert from "node:assert/strict";
import { brokerTest } from "../../../brokers/given.ts";
import { rabbitmqadmin } from "../../../brokers/rabbitmq.ts";
import { Desk, inboxOf, parcels, sendAtLast, stranger, Taker, until } from "./bench.ts";

const text = (body: Uint8Array) => new TextDecoder().decode(body);
const plain = { mandatory: true, durable: true };

brokerTest(
  "rabbitmq",
  "RabbitMQ: a stranger's message arrives with its bytes, whatever its content type says",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const taker = new Taker();
    const reading = await desk.connect({ url }, `${prefix}-a`);
    await reading.receive(inboxOf(prefix), taker).ready;
    const bodies = [
      ["application/json", '{"n": 12345678901234567890, "a": 1.0, "a": 2}'],
      ["application/json", "{not JSON"],
      ["text/plain", "héllo"],
      [undefined, "null"],
      ["application/json", ""],
    ] as const;
    for (const [contentType, body] of bodies) {
      const envelope = { ...plain, exchange: prefix, routingKey: "ada", type: "add", contentType };
      await other.channel.basicPublish(envelope, other.bytes(body));
    }
    await until(() => taker.taken.length === bodies.length, "all arrive");
    assert.deepEqual(
      taker.taken.map((
        { contentType, body, id, key, operation },
      ) => [contentType, text(body), id, key, operation]),
      bodies.map(([contentType, body]) => [contentType, body, undefined, "ada", "add"]),
    );
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: a stranger asks by direct reply-to and by a queue of its own, and answers an ask",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const answers: string[] = [];
    const mine = `${prefix}.mine`;
    await other.channel.queueDeclare({ queue: mine, durable: true, arguments: {} });
    for (const [queue, noAck] of [["amq.rabbitmq.reply-to", true], [mine, true]] as const) {
      await other.channel.basicConsume({ queue, noAck }, ({ correlationId, body }) => {
        answers.push(`${correlationId}=${JSON.stringify(body)}`);
      });
    }
    const taker = new Taker();
    const connection = await desk.connect({ url }, `${prefix}-a`);
    await connection.receive(inboxOf(prefix), taker).ready;
    for (const [index, replyTo] of ["amq.rabbitmq.reply-to", mine].entries()) {
      const question = { ...plain, exchange: prefix, routingKey: "ada", type: "total", replyTo };
      await other.channel.basicPublish({ ...question, correlationId: `c${index}` }, other.bytes(""));
    }
    await until(() => taker.taken.length === 2, "both arrive");
    for (const { replyTo, correlationId } of taker.taken) {
      const [answer] = await connection.send(
        parcels(prefix, 7, 1, { to: { kind: "reply", address: replyTo! }, correlationId }),
      );
      assert.equal(answer, undefined);
    }
    await until(() => answers.length === 2, "both are answered");
    assert.deepEqual(answers.toSorted(), ["c0=7", "c1=7"]);
    // Now this service asks the stranger's one, which replies to whatever reply_to says.
    const served = `${prefix}served`;
    await other.channel.exchangeDeclare({ exchange: served, type: "topic", durable: true });
    await other.channel.queueDeclare({ queue: served, durable: true, arguments: {} });
    await other.channel.queueBind({ queue: served, exchange: served, routingKey: "#" });
    await other.channel.basicConsume(
      { queue: served, noAck: true },
      ({ replyTo, correlationId, routingKey, type }) => {
        const reply = { ...plain, mandatory: false, exchange: "", routingKey: replyTo!, correlationId };
        void other.channel.basicPublish(reply, other.bytes(`"${routingKey} ${type}"`));
      },
    );
    const takers = { replies: new Taker(), process: new Taker(), inbox: taker };
    await connection.receive({ kind: "replies" }, takers.replies).ready;
    await connection.receive({ kind: "process" }, takers.process).ready;
    const returns = {
      replies: { kind: "replies" },
      process: { kind: "process" },
      inbox: { kind: "inbox", protocol: prefix, key: "bea" },
    } as const;
    for (const [name, replyTo] of Object.entries(returns)) {
      await connection.send(parcels(served, 0, 1, { replyTo, correlationId: name }));
    }
    for (const [name, { taken }] of Object.entries(takers)) {
      const has = () => taken.find(({ correlationId }) => correlationId === name);
      await until(() => has() !== undefined, `the reply to ${name} arrives`);
      assert.deepEqual([text(has()!.body), has()!.operation], ['"ada add"', undefined]);
    }
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: a stranger hears events by a pattern, as CloudEvents, and publishes its own",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const connection = await desk.connect({ url }, `${prefix}-a`);
    const taker = new Taker();
    const event = { kind: "event", protocol: prefix, event: "settled", mode: "event" } as const;
    await connection.receive(event, taker).ready;
    const queue = `${prefix}.mine`;
    await other.channel.queueDeclare({ queue, durable: true, arguments: {} });
    await other.channel.queueBind({
      queue,
      exchange: "posthorn.events",
      routingKey: `${prefix}.settled.de.*`,
    });
    for (const subject of ["de.berlin", "fr.paris", "de.hamburg"]) {
      await connection.send(parcels("", 1, 1, { to: { ...event, subject, key: "k" } }));
    }
    const heard: unknown[] = [];
    for (let message; (message = await other.channel.basicGet({ queue })) !== undefined;) {
      heard.push([
        message.routingKey,
        message.headers!["cloudEvents:type"],
        message.headers!["cloudEvents:subject"],
      ]);
    }
    assert.deepEqual(
      heard,
      ["de.berlin", "de.hamburg"].map((
        subject,
      ) => [`${prefix}.settled.${subject}`, `${prefix}.settled`, subject]),
    );
    await other.channel.basicPublish({
      ...plain,
      exchange: "posthorn.events",
      routingKey: `${prefix}.settled.it.rome`,
      headers: { "cloudEvents:id": "e1", "cloudEvents:source": "/erp", traceparent: "00-1-2-03" },
    }, other.bytes("7"));
    await until(() => taker.taken.length === 4, "all are heard");
    const { id, key, headers } = taker.taken[3];
    assert.deepEqual([id, key, headers], ["e1", "it.rome", {
      "ce-source": "/erp",
      traceparent: "00-1-2-03",
    }]);
  },
);

brokerTest(
  "rabbitmq",
  "RabbitMQ: what is rejected is among the dead letters, with what it had and why, and what has expired is not",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    await using other = await stranger(url);
    const taker = new Taker();
    const connection = await desk.connect({ url }, `${prefix}-a`);
    const first = connection.receive(inboxOf(prefix), taker);
    await first.ready;
    taker.reject = ({ id }) => id === "bad" ? "invalid-payload" : undefined;
    await other.channel.queueDeclare({ queue: `${prefix}.copied`, durable: true, arguments: {} });
    const envelope = {
      ...plain,
      exchange: prefix,
      routingKey: "ada",
      type: "add",
      contentType: "application/json",
    };
    const headers = { "x-a": "b", many: Array(2_000).fill(7), flag: true };
    await other.channel.basicPublish(
      { ...envelope, messageId: "bad", headers: { "x-a": "b", flag: true, CC: [`${prefix}.copied`] } },
      other.bytes("{"),
    );
    await other.channel.basicPublish({
      ...envelope,
      messageId: "bad",
      headers: { ...headers, more: "x".repeat(20_000) },
    }, other.bytes("["));
    await other.channel.basicPublish({ ...envelope, messageId: "good" }, other.bytes("1"));
    await until(() => taker.ids.includes("good"), "all arrive");
    first[Symbol.dispose]();
    await sendAtLast(connection, parcels(prefix, 0, 1, { expiresAtMs: Date.now() + 1 }));
    await sendAtLast(connection, parcels(prefix, 1, 1, { expiresAtMs: Date.now() + 60_000 }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    await connection.receive(inboxOf(prefix), taker).ready;
    await until(() => taker.ids.includes("m000001"), "what has not expired arrives");
    assert.ok(!taker.ids.includes("m000000"));
    const letters: unknown[] = [];
    for (let message; (message = await other.channel.basicGet({ queue: `${prefix}.dead` })) !== undefined;) {
      const { "x-delivery-count": _, ...headers } = message.headers!; // the broker counts
      const { messageId, type } = message;
      letters.push([messageId, type, headers]);
    }
    const why = {
      "posthorn-reason": "invalid-payload",
      "posthorn-queue": prefix,
      "posthorn-routing-key": "ada",
    };
    assert.deepEqual(letters, [
      ["bad", "add", { "x-a": "b", flag: "true", ...why }],
      ["bad", "add", why], // its headers are too many to be copied
    ]);
    // The broker would obey the header CC of a dead letter, too.
    assert.equal(await other.channel.basicGet({ queue: `${prefix}.copied` }), undefined);
  },
);

brokerTest("rabbitmq", "RabbitMQ: rabbitmqadmin sends a command", async ({ own, prefix }) => {
  const node = await own({ management: true });
  await using desk = new Desk();
  const taker = new Taker();
  const connection = await desk.connect({ url: node.url }, `${prefix}-a`);
  await connection.receive(inboxOf(prefix), taker).ready;
  await rabbitmqadmin(
    node,
    ...["publish", `exchange=${prefix}`, "routing_key=ada", 'payload={"cents":7}'],
    'properties={"type":"add","message_id":"a1","content_type":"application/json","headers":{"traceparent":"00-1-2-03"}}',
  );
  await until(() => taker.taken.length === 1, "it arrives");
  const { id, key, operation, body, headers } = taker.taken[0];
  assert.deepEqual([id, key, operation, text(body), headers], ["a1", "ada", "add", '{"cents":7}', {
    traceparent: "00-1-2-03",
  }]);
});

const pika = `
import sys, pika
connection = pika.BlockingConnection(pika.URLParameters(sys.argv[1]))
channel = connection.channel()
channel.confirm_delivery()
def on_answer(channel, method, properties, body):
    print(properties.correlation_id, properties.content_type, body.decode(), flush=True)
    connection.close()
channel.basic_consume('amq.rabbitmq.reply-to', on_answer, auto_ack=True)
channel.basic_publish(sys.argv[2], 'bea', 'null', pika.BasicProperties(type='total', content_type='application/json',
    reply_to='amq.rabbitmq.reply-to', correlation_id='c1', headers={'CloudEvents:Source': '/py', 'n': 2}), mandatory=True)
try: channel.start_consuming()
except pika.exceptions.ConnectionWrongStateError: pass
`;

brokerTest("rabbitmq", "RabbitMQ: pika asks and is answered", async ({ url, prefix }) => {
  await using desk = new Desk();
  const taker = new Taker();
  const connection = await desk.connect({ url }, `${prefix}-a`);
  await connection.receive(inboxOf(prefix), taker).ready;
  const python = new Deno.Command("/usr/bin/python3", { args: ["-c", pika, url, prefix], stdout: "piped" })
    .spawn();
  const output = python.output();
  await until(() => taker.taken.length === 1, "its question arrives");
  const { key, operation, replyTo, correlationId, headers } = taker.taken[0];
  assert.deepEqual([key, operation, headers], ["bea", "total", { "ce-source": "/py", n: "2" }]);
  await connection.send(parcels("", 300, 1, { to: { kind: "reply", address: replyTo! }, correlationId }));
  assert.equal(text((await output).stdout).trim(), "c1 application/json 300");
});

brokerTest(
  "rabbitmq",
  "RabbitMQ: return addresses that a stranger made up end no connection that others need",
  async ({ url, prefix }) => {
    await using desk = new Desk();
    const taker = new Taker();
    const connection = await desk.connect({ url }, `${prefix}-a`);
    await connection.receive(inboxOf(prefix), taker).ready;
    const to = (address: string) =>
      parcels(prefix, 0, 1, { to: { kind: "reply", address }, correlationId: "c" });
    const [refusal] = await connection.send(to("amq.rabbitmq.reply-to.garbage"));
    assert.equal(refusal?.code, "refused");
    const states: string[] = [];
    using _watching = connection.watch(({ status }) => void states.push(status));
    // RabbitMQ ends the connection that publishes to a process of a node that it does not have.
    const gone =
      "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAxMDA3NDYyNQAAGEwAAAAAZY1C6w==.vtthCW7Gyom3WYZ3l53Yyg==";
    let given: string | undefined;
    await until(async () => {
      const answers = await connection.send(to(gone)).catch(() => []);
      given = answers[0]?.code;
      return answers.length > 0;
    }, "the address is given up");
    if (given !== undefined) assert.equal(given, "refused"); // later versions drop it
    assert.deepEqual(await connection.send(parcels(prefix, 1, 3)), [undefined, undefined, undefined]);
    await until(() => taker.taken.length === 3, "what else is sent arrives");
    assert.deepEqual(states, []);
    await connection.close();
    await assert.rejects(connection.send(to(gone)), { code: "transport-closed" });
  },
);
