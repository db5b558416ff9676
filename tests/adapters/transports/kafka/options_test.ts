import assert from "node:assert/strict";
import { event, protocol, tell, unchecked } from "@posthorn/posthorn";
import { kafka, type KafkaOptions } from "@posthorn/posthorn/kafka";

const brokers = ["localhost:9092"];

Deno.test("options that cannot work are refused with words that name them, and no secret", () => {
  const refused: readonly [unknown, RegExp][] = [
    [{}, /`brokers` must be a list of 1 to 100/],
    [{ brokers: [] }, /`brokers` must be a list of 1 to 100/],
    [{ brokers: ["localhost"] }, /`host:port`/],
    [{ brokers: ["kafka://user:secret@localhost:9092"] }, /`host:port`, without a scheme or a user/],
    [{ brokers: ["localhost:99999"] }, /`host:port`/],
    [{ brokers, partitions: 0 }, /partitions: it must be a whole number of 1 to 1000: current value is 0/],
    [{ brokers, replicas: 1.5 }, /replicas: .* value is 1.5/],
    [{ brokers, messageBytes: 10 }, /messageBytes: .* value is 10/],
    [
      { brokers, sessionTimeoutMs: 999 },
      /sessionTimeoutMs: .* value is 999/,
    ],
    [{ brokers, rebalanceTimeoutMs: Infinity }, /rebalanceTimeoutMs: .* value is Infinity/],
    [{ brokers, namespace: "Test" }, /`namespace`/],
    [{ brokers, namespace: null }, /`namespace`/],
    [{ brokers, expose: 5 }, /expose: it must be a list/],
    [{ brokers, ssl: "yes" }, /`ssl`/],
    [{ brokers, sasl: { mechanism: "gssapi", username: "u", password: "secret" } }, /`sasl.mechanism`/],
    [{ brokers, sasl: { mechanism: "plain", username: "", password: "secret" } }, /`sasl.username`/],
  ];
  for (const [options, words] of refused) {
    assert.throws(() => kafka(options as KafkaOptions), (error) => {
      assert.ok(error instanceof TypeError || error instanceof RangeError);
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

Deno.test("an event whose topic is another one's cannot be exposed", () => {
  for (const name of ["dead", "replies"]) {
    const Order = protocol("order", { [name]: event(unchecked<number>()) });
    for (const expose of [[Order], [Order[name]]]) assert.throws(() => kafka({ brokers, expose }), TypeError);
  }
});

Deno.test("no inspection of the transport shows the password", () => {
  const transport = kafka({ brokers, sasl: { mechanism: "plain", username: "u", password: "secret" } });
  assert.doesNotMatch(Deno.inspect(transport, { depth: 100, showHidden: true }), /secret/);
  assert.doesNotMatch(JSON.stringify(transport), /secret/);
});

Deno.test("the traits follow from the options", () => {
  const { traits } = kafka({
    brokers: ["[::1]:9092"],
    messageBytes: 2_000,
    sessionTimeoutMs: 6_000,
    rebalanceTimeoutMs: 5_000,
  });
  assert.deepEqual([traits.messageBytes, traits.failoverMs], [2_000, 11_000]);
});

Deno.test("a replay that is not possible is refused before anything is read", async () => {
  const Order = protocol("order", { add: tell(unchecked<number>()), dead: event(unchecked<number>()) });
  const transport = kafka({ brokers });
  await assert.rejects(transport.replay(Order, {}), /either `offset` or `atMs`/);
  await assert.rejects(transport.replay(Order, { offset: 0, atMs: 0 }), /either `offset` or `atMs`/);
  await assert.rejects(transport.replay(Order, { offset: -1 }), RangeError);
  await assert.rejects(transport.replay(Order, { atMs: 0.5 }), RangeError);
  await assert.rejects(transport.replay(Order, { offset: 0, name: "A b" }), RangeError);
  await assert.rejects(transport.replay(Order.dead, { offset: 0 }), /no event can be called dead/);
  await assert.rejects(transport.replay(Order, { offset: 0 }), { code: "no-receiver" });
});
