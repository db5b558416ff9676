import assert from "node:assert/strict";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { kafka } from "@posthorn/posthorn/kafka";
import { memoryBroker, memoryTransport } from "@posthorn/posthorn/memory";
import { httpTransport } from "@posthorn/posthorn/http-transport";
import { nats } from "@posthorn/posthorn/nats";
import { rabbitmq } from "@posthorn/posthorn/rabbitmq";
import { sqlite } from "@posthorn/posthorn/sqlite";

/** What makes a store or a transport, with right options, a misspelt one, and what the error must say. */
const adapters:
  readonly (readonly [make: (options: never) => unknown, right: object, wrong: object, words: string])[] = [
    [(options) => sqlite(":memory:", options), {}, { bytesMaximum: 1 }, "bytesMaximum of sqlite"],
    [
      (options) => sqlite(":memory:", options),
      {},
      { synchronus: 1 },
      "synchronus of sqlite: there is no such option. Did you mean synchronous?",
    ],
    [
      (options) => denoKv(":memory:", options),
      {},
      { prefx: "a" },
      "prefx of denoKv: there is no such option. Did you mean prefix?",
    ],
    [memoryBroker, {}, { shard: 2 }, "shard of memoryBroker: there is no such option. Did you mean shards?"],
    [
      memoryTransport,
      { broker: memoryBroker() },
      { exposed: [] },
      "exposed of memoryTransport: there is no such option. Did you mean expose?",
    ],
    [
      rabbitmq,
      { url: "amqp://u:secret@host" },
      { messagesBytes: 1 },
      "messagesBytes of rabbitmq: there is no such option. Did you mean messageBytes?",
    ],
    [
      rabbitmq,
      { url: "amqps://u:secret@host" },
      { tls: { servername: "a" } },
      "tls.servername of rabbitmq: there is no such option. Did you mean serverName?",
    ],
    [
      nats,
      { url: "nats://u:secret@host" },
      { retentionMS: 1 },
      "retentionMS of nats: there is no such option. Did you mean retentionMs?",
    ],
    [
      nats,
      { url: "nats://u:secret@host" },
      { tls: { caa: "a" } },
      "tls.caa of nats: there is no such option. Did you mean ca?",
    ],
    [
      httpTransport,
      { services: { a: "https://a" }, keys: [{ id: "k", secret: "secret".repeat(6) }] },
      { clockTolerance: 1 },
      "clockTolerance of httpTransport: there is no such option. Did you mean clockToleranceMs?",
    ],
    [
      kafka,
      { brokers: ["a:1"] },
      { exposes: [] },
      "exposes of kafka: there is no such option. Did you mean expose?",
    ],
    [
      kafka,
      { brokers: ["a:1"] },
      { ssl: { certs: "a" } },
      "ssl.certs of kafka: there is no such option. Did you mean cert?",
    ],
    [
      kafka,
      { brokers: ["a:1"] },
      { sasl: { mechanism: "plain", username: "u", password: "secret", user: "u" } },
      "sasl.user of kafka: there is no such option",
    ],
  ];

for (const [make, right, wrong, words] of adapters) {
  Deno.test(`a store or a transport refuses ${words.slice(0, words.indexOf(" of "))}, and takes right options`, () => {
    make(right as never);
    assert.throws(() => make({ ...right, ...wrong } as never), (error: Error) => {
      assert.equal(error.name, "TypeError");
      assert.ok(error.message.startsWith(`Cannot use ${words}`), error.message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  });
}
