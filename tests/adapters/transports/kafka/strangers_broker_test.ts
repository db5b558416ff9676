import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { kafka } from "@posthorn/posthorn/kafka";
import { brokerTest } from "../../../brokers/given.ts";
import { brokersOf, connect, eventually, inbox, parcels, Taker, withAdmin } from "./stage.ts";

const quick = { sessionTimeoutMs: 3_000, rebalanceTimeoutMs: 4_000, partitions: 2 };

/** Runs kcat, the command line of librdkafka. */
async function kcat(brokers: readonly string[], args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command("kcat", {
    args: ["-b", brokers.join(), ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const hasKcat = (() => {
  try {
    return new Deno.Command("kcat", { args: ["-V"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
})();

if (!hasKcat && Deno.env.get("POSTHORN_BROKERS") !== "required") {
  Deno.test.ignore("kcat speaks to a service over Kafka (needs kcat)", () => {});
} else {
  brokerTest("kafka", "kcat tells a service, and asks it with a reply topic", async ({ url, prefix }) => {
    const brokers = brokersOf(url);
    await withAdmin(
      { brokers },
      (admin) => admin.createTopics({ topics: [{ topic: `${prefix}.mine`, numPartitions: 1 }] }),
    );
    await using connection = await connect({ brokers, ...quick }, prefix);
    const taker = new Taker();
    await connection.receive(inbox(prefix), taker).ready;
    const asks = ["-H", `reply-topic=${prefix}.mine`, "-H", "correlation-id=42"];
    await kcat(brokers, ["-P", "-t", prefix, "-K", "|", "-H", "operation=total", ...asks], "cleo|null\n");
    await eventually(() => taker.taken.length === 1, "its ask is taken");
    const [got] = taker.taken;
    assert.deepEqual(
      [
        got.id,
        got.key,
        got.operation,
        new TextDecoder().decode(got.body),
        got.contentType,
        got.correlationId,
      ],
      [undefined, "cleo", "total", "null", undefined, "42"],
    );
    await connection.send([{
      to: { kind: "reply", address: got.replyTo! },
      id: "r",
      body: new TextEncoder().encode("700"),
      contentType: "application/json",
      headers: {},
      correlationId: got.correlationId,
    }]);
    const shown = await kcat(brokers, [
      "-C",
      "-t",
      `${prefix}.mine`,
      "-o",
      "beginning",
      "-c",
      "1",
      "-e",
      "-f",
      "%h %s",
    ]);
    assert.match(shown, /correlation-id=42/);
    assert.match(shown, /kafka_correlationId=42/);
    assert.match(shown, /content-type=application\/json/);
    assert.match(shown, / 700$/);
  });

  brokerTest(
    "kafka",
    "a CloudEvent, an empty body, and what is compressed are read",
    async ({ url, prefix }) => {
      const brokers = brokersOf(url);
      await using connection = await connect({ brokers, ...quick, partitions: 1 }, prefix);
      const taker = new Taker();
      await connection.receive(inbox(prefix), taker).ready;
      const event = [
        "-H",
        "ce_id=e-1",
        "-H",
        "ce_type=com.example.order.add",
        "-H",
        "ce_source=/shop",
        "-H",
        "content-type=application/json",
      ];
      await kcat(brokers, ["-P", "-t", prefix, "-k", "ada", ...event, "-z", "snappy"], `{"cents":1}\n`);
      await kcat(
        brokers,
        ["-P", "-t", prefix, "-K", "|", "-Z", "-H", "operation=add", "-z", "lz4"],
        "ada|\n",
      );
      await eventually(() => taker.taken.length === 2, "both are taken");
      const [first, second] = taker.taken;
      assert.deepEqual([first.id, first.operation, first.headers["ce-source"]], [
        "e-1",
        "add",
        "/shop",
      ]);
      assert.deepEqual([second.operation, second.body.length, second.key], ["add", 0, "ada"]);
    },
  );

  brokerTest(
    "kafka",
    "kcat reads an event with its subject, and what is sent is plain JSON",
    async ({ url, prefix }) => {
      const brokers = brokersOf(url);
      await using connection = await connect({ brokers, ...quick, partitions: 1 }, prefix);
      const to = {
        kind: "event",
        protocol: prefix,
        event: "settled",
        mode: "event",
        subject: "de.berlin",
        key: "order/ada",
      };
      await connection.send(parcels(prefix, 1, { to: to as never, headers: { traceparent: "00-1-2-01" } }));
      const format = ["-o", "beginning", "-c", "1", "-e", "-f", "%k|%h|%s"];
      const [key, headers, body] = (await kcat(brokers, ["-C", "-t", `${prefix}.settled`, ...format])).split(
        "|",
      );
      assert.equal(key, "order/ada");
      assert.equal(body, "0");
      for (
        const header of [
          "id=ada-0",
          "ce_subject=de.berlin",
          "ce_specversion=1.0",
          "ce_id=ada-0",
          `ce_source=/${prefix}`,
          `ce_type=${prefix}.settled`,
          "content-type=application/json",
          "traceparent=00-1-2-01",
        ]
      ) {
        assert.ok(headers.split(",").includes(header), `${headers} has ${header}`);
      }
    },
  );
}

brokerTest(
  "kafka",
  "Spring's reply headers are answered as they came: bytes, and a partition",
  async ({ url, prefix }) => {
    const brokers = brokersOf(url);
    await withAdmin(
      { brokers },
      (admin) => admin.createTopics({ topics: [{ topic: `${prefix}.spring`, numPartitions: 3 }] }),
    );
    await using connection = await connect({ brokers, ...quick }, prefix);
    const taker = new Taker();
    await connection.receive(inbox(prefix), taker).ready;
    const correlation = Uint8Array.from({ length: 16 }, (_, index) => 250 - 16 * index);
    await withAdmin({ brokers }, async (_, client) => {
      const producer = client.producer({});
      await producer.connect();
      const headers = {
        operation: "add",
        kafka_replyTopic: `${prefix}.spring`,
        kafka_replyPartition: bytes(0, 0, 0, 2),
        kafka_correlationId: bytes(...correlation),
      };
      await producer.send({ topic: prefix, messages: [{ key: "ada", value: "1", headers }] });
      await producer.disconnect();
    });
    await eventually(() => taker.taken.length === 1, "it is taken");
    const { replyTo: address = "", correlationId } = taker.taken[0];
    await connection.send([{
      to: { kind: "reply", address },
      id: "r",
      body: new Uint8Array([55]),
      headers: {},
      correlationId,
    }]);
    const found = await kcatFree(brokers, `${prefix}.spring`);
    assert.deepEqual([found.partition, [...found.correlation]], [2, [...correlation]]);

    /** Reads a record as it is. */
    async function kcatFree(brokers: readonly string[], topic: string) {
      return await withAdmin({ brokers }, async (_, client) => {
        const consumer = client.consumer({ groupId: `read-${crypto.randomUUID()}` });
        const read = Promise.withResolvers<{ partition: number; correlation: Uint8Array }>();
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        await consumer.run({
          eachMessage: ({ partition, message: { headers = {} } }) => {
            read.resolve({ partition, correlation: headers.kafka_correlationId as Uint8Array });
            return Promise.resolve();
          },
        });
        try {
          return await read.promise;
        } finally {
          await consumer.disconnect();
        }
      });
    }
  },
);

brokerTest("kafka", "a reply address that is no topic of users is refused", async ({ url, prefix }) => {
  await using connection = await connect({ brokers: brokersOf(url), ...quick }, prefix);
  for (const address of ["__consumer_offsets", "a/../b c", "", "x".repeat(250), "..", "a b"]) {
    const reply = { to: { kind: "reply", address } as const, id: "r", body: new Uint8Array(), headers: {} };
    const [answer] = await connection.send([reply]);
    assert.ok(answer?.code === "refused" || answer?.code === "no-receiver", `${address}: ${answer?.code}`);
  }
});

brokerTest(
  "kafka",
  "TLS with an authority of its own, and a password, in each mechanism",
  async ({ own, prefix }) => {
    const { node } = await own({ tls: true, password: true });
    const { user: username = "", password = "" } = node;
    const brokers = [new URL(node.url).host];
    const ca = await Deno.readTextFile(node.authority!);
    for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
      const transport = kafka({ brokers, ssl: { ca }, sasl: { mechanism, username, password }, ...quick });
      await using connection = await connect({ brokers }, `${prefix}-${mechanism}`, { transport });
      const taker = new Taker();
      const name = prefix + mechanism.replaceAll("-", "");
      await connection.receive(inbox(name), taker).ready;
      await connection.send(parcels(name, 3));
      await eventually(() => taker.taken.length === 3, "all are taken");
      for (const shown of [Deno.inspect(transport, { depth: 20 }), Deno.inspect(connection, { depth: 20 })]) {
        assert.ok(!shown.includes(password), "no inspection has the password");
      }
    }
    await using unknown = await connect({
      brokers,
      ssl: true,
      sasl: { mechanism: "plain", username, password },
    }, prefix);
    assert.equal(unknown.state.status, "connecting");
    assert.match(unknown.state.reason ?? "", /certificate|issuer/i);
  },
);

/** Bytes of the class that kafkajs writes as they are. */
function bytes(...of: number[]): Uint8Array {
  return Buffer.from(of);
}
