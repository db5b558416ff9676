// The programs of others speak with each other as docs/brokers.md says: what is tested here is that they keep
// to it, so that the tests of the transports can stand on them.

import assert from "node:assert/strict";
import { brokerTest, type GivenBroker } from "../given.ts";
import { rabbitmqadmin } from "../rabbitmq.ts";
import { strangers } from "./install.ts";
import { kcatConsume, kcatProduce } from "./kcat.ts";
import { NatsSocket } from "./nats_socket.ts";
import { Stranger } from "./stranger.ts";

const autoCreate = { configuration: ["auto.create.topics.enable=true"] };

function configOf({ url, prefix }: GivenBroker, name: string) {
  return { url, serves: `${prefix}${name}`, hears: `${prefix}order.settled` };
}

brokerTest("rabbitmq", "pika, Nest and Spring ask, tell and hear each other on RabbitMQ", async (given) => {
  await using python = await Stranger.pika(configOf(given, "python"));
  await using nest = await Stranger.nest(configOf(given, "nest"));
  await using spring = await Stranger.spring(configOf(given, "spring"));
  const all = Object.entries({ python, nest, spring });
  for (const [from, asking] of all) {
    for (const [to, serving] of all) {
      const key = `${from}.1`;
      await asking.tell({
        call: { protocol: `${given.prefix}${to}`, key, operation: "quote", payload: { kg: 7 } },
      });
      const served = await serving.next("served");
      assert.deepEqual([served.key, served.operation, served.payload], [key, "quote", { kg: 7 }]);
      assert.deepEqual((await asking.next("answer")).payload, { to: key, cents: 700 }, `${from} asks ${to}`);
    }
    await asking.tell({
      publish: { event: `${given.prefix}order.settled`, subject: "de.berlin", payload: { from } },
    });
    for (const [to, hearing] of all) {
      if (to === "nest") continue; // it hears what has a type: below
      assert.deepEqual((await hearing.next("heard")).payload, { from }, `${to} hears ${from}`);
    }
  }
  await python.tell({
    publish: {
      event: `${given.prefix}order.settled`,
      payload: { from: "with a type" },
      headers: { "cloudEvents:type": `${given.prefix}order.settled` },
    },
  });
  assert.deepEqual((await nest.next("heard")).payload, { from: "with a type" });
}, [strangers.pika, strangers.nest, strangers.spring]);

brokerTest(
  "rabbitmq",
  "rabbitmqadmin tells pika, which answers what it does not know with a problem",
  async (given) => {
    const broker = await given.own({ management: true });
    await using python = await Stranger.pika({ ...configOf(given, "python"), url: broker.url });
    const serves = `${given.prefix}python`;
    await rabbitmqadmin(
      broker,
      ...["publish", `exchange=${serves}`, "routing_key=ada", 'payload={"kg":2}'],
      'properties={"type":"quote","content_type":"application/json"}',
    );
    assert.deepEqual((await python.next("served")).payload, { kg: 2 });
    await python.tell({ call: { protocol: serves, key: "ada", operation: "fly", correlationId: "c1" } });
    const { contentType, correlationId, payload } = await python.next("answer");
    assert.deepEqual([contentType, correlationId], ["application/problem+json", "c1"]);
    assert.deepEqual(payload, { code: "unknown-operation", detail: "There is no fly" });
  },
  [strangers.pika],
);

brokerTest("nats", "a bare socket and Nest ask, tell and hear each other on NATS", async (given) => {
  const { url, prefix } = given;
  await using nest = await Stranger.nest(configOf(given, "nest"));
  using socket = await NatsSocket.connect(url);
  const answer = await socket.request(`${prefix}nest.ada.quote`, '{"kg":3}', { traceparent: "00-1-2-01" });
  assert.deepEqual(JSON.parse(answer.body), { to: "ada", cents: 300 });
  assert.equal((await nest.next("served")).operation, "quote");
  const nobody = await socket.request(`${prefix}nobody.ada.quote`, "");
  assert.equal(nobody.headers.Status, "503");

  await socket.subscribe(`${prefix}socket.*.total`, "workers");
  await nest.tell({
    call: { protocol: `${prefix}socket`, key: "a.b", operation: "total", payload: { of: 1 } },
  });
  const asked = await socket.next();
  assert.equal(asked.subject, `${prefix}socket.a%2Eb.total`);
  await socket.publish(asked.replyTo!, "450");
  assert.equal((await nest.next("answer")).payload, 450);

  await socket.publish(`posthorn.events.${prefix}order.settled.de.berlin`, '{"cents":1}');
  assert.deepEqual((await nest.next("heard")).payload, { cents: 1 });
}, [strangers.nest]);

brokerTest("kafka", "kcat, Nest and Spring ask, tell and hear each other on Kafka", async (given) => {
  const { url } = await given.own(autoCreate);
  const { prefix } = given;
  const topic = (name: string) => `${prefix}${name}`;
  for (
    const name of ["nest", "spring", "nest.reply", "order.settled", "answers", "kcat.answers"]
  ) {
    await kcatProduce(url, {
      topic: topic(name),
      key: "none",
      payload: "{}",
      headers: { operation: "none" },
    });
  }
  const config = { url, hears: topic("order.settled"), calls: [topic("nest")], answers: topic("answers") };
  await using nest = await Stranger.nest({ ...config, serves: topic("nest") });
  await using spring = await Stranger.spring({ ...config, serves: topic("spring") });
  for (const [name, serving] of Object.entries({ nest, spring })) {
    await kcatProduce(url, {
      topic: topic(name),
      key: "ada",
      payload: '{"kg":4}',
      headers: { operation: "quote", kafka_correlationId: name, kafka_replyTopic: topic("kcat.answers") },
    });
    let served = await serving.next("served");
    if (served.operation === "none") served = await serving.next("served");
    assert.deepEqual([served.key, served.operation, served.payload], ["ada", "quote", { kg: 4 }]);
  }
  const [, ...answers] = await kcatConsume(url, topic("kcat.answers"), 3);
  for (const { headers, payload } of answers) {
    assert.deepEqual(JSON.parse(payload!), { to: "ada", cents: 400 });
    assert.ok(["nest", "spring"].includes(headers.kafka_correlationId));
  }
  // Each asks itself: Nest reads the binary correlation ids of Spring as text, and Spring its partition.
  for (const [name, asking] of Object.entries({ nest, spring })) {
    await asking.tell({
      call: { protocol: topic(name), key: "bea", operation: "quote", payload: { kg: 5 } },
    });
    assert.deepEqual((await asking.next("answer")).payload, { to: "bea", cents: 500 }, name);
  }
  await kcatProduce(url, { topic: topic("order.settled"), key: "ada", payload: '{"cents":1}' });
  for (const hearing of [nest, spring]) {
    assert.deepEqual((await hearing.next("heard")).key, "none");
    assert.deepEqual((await hearing.next("heard")).payload, { cents: 1 });
  }
}, [strangers.kcat, strangers.nest, strangers.spring]);
