import assert from "node:assert/strict";
import { rabbitmq } from "@posthorn/posthorn/rabbitmq";
import { settingsOf } from "../../../../adapters/transports/rabbitmq/options.ts";

const secret = "s3cret";

Deno.test("a URL names host, port, user, password and virtual host, with the defaults of AMQP", () => {
  const nodes = (url: string | readonly string[]) => settingsOf({ url }).nodes;
  assert.deepEqual(nodes("amqp://broker"), [{
    hostname: "broker",
    port: 5672,
    username: "guest",
    password: "guest",
    vhost: "/",
    secure: false,
  }]);
  assert.deepEqual(nodes(`amqps://ada:p%40ss%2F@[::1]/%2Fsales`), [{
    hostname: "::1",
    port: 5671,
    username: "ada",
    password: "p@ss/",
    vhost: "/sales",
    secure: true,
  }]);
  assert.deepEqual(nodes(["amqp://a:1", "amqp://b:2/v"]).map(({ port, vhost }) => [port, vhost]), [[1, "/"], [
    2,
    "v",
  ]]);
});

const refused: Readonly<Record<string, Parameters<typeof rabbitmq>[0]>> = {
  "no URL": { url: `ada:${secret}@broker` },
  "a URL of another protocol": { url: `https://ada:${secret}@broker` },
  "a URL without a host": { url: `amqp:///${secret}` },
  "a URL with a query": { url: `amqp://ada:${secret}@broker?heartbeat=3` },
  "a virtual host of two segments": { url: `amqp://ada:${secret}@broker/a/b` },
  "a password that is not percent-encoded": { url: `amqp://ada:${secret}%@broker` },
  "an empty list of URLs": { url: [] },
  "too many URLs": { url: Array(17).fill(`amqp://ada:${secret}@broker`) },
  "a list with one bad URL": { url: ["amqp://broker", `http://ada:${secret}@broker`] },
  "a namespace with a dot": { url: "amqp://broker", namespace: "a.b" },
  "a namespace that is too long": { url: "amqp://broker", namespace: "a".repeat(33) },
  "a namespace that is no text": { url: "amqp://broker", namespace: null as unknown as string },
  "prefetch 0": { url: "amqp://broker", prefetch: 0 },
  "prefetch above its bound": { url: "amqp://broker", prefetch: 10_001 },
  "heartbeatSeconds 0": { url: "amqp://broker", heartbeatSeconds: 0 },
  "heartbeatSeconds above its bound": { url: "amqp://broker", heartbeatSeconds: 61 },
  "messageBytes that is no whole number": { url: "amqp://broker", messageBytes: 1.5 },
  "messageBytes above its bound": { url: "amqp://broker", messageBytes: 134_217_729 },
  "the path of a certificate": { url: "amqps://broker", tls: { ca: "/etc/ca.pem" } },
  "a certificate without its key": {
    url: "amqps://broker",
    tls: { cert: "-----BEGIN CERTIFICATE-----" },
  },
  "a key that is none": { url: "amqps://broker", tls: { key: secret } },
};

for (const [what, options] of Object.entries(refused)) {
  Deno.test(`${what} is refused at once, in words that contain no secret`, () => {
    assert.throws(() => rabbitmq(options), (error: Error) => {
      assert.ok(error instanceof RangeError);
      assert.match(
        error.message,
        /^Cannot use (url|namespace|prefetch|heartbeatSeconds|messageBytes|tls\.\w+)\b/,
      );
      assert.ok(!error.message.includes(secret) && error.cause === undefined);
      return true;
    });
  });
}

Deno.test("a transport shows no password, whoever prints it", () => {
  const transport = rabbitmq({ url: `amqp://ada:${secret}@broker` });
  assert.ok(!Deno.inspect(transport, { depth: 20, showHidden: true }).includes(secret));
  assert.ok(!JSON.stringify(transport).includes(secret));
});

Deno.test("what the options say is in the traits", () => {
  const { traits } = rabbitmq({ url: "amqp://broker", heartbeatSeconds: 1, messageBytes: 7 });
  assert.deepEqual([traits.name, traits.reads, traits.order, traits.messageBytes, traits.failoverMs], [
    "rabbitmq",
    "queue",
    "shard",
    7,
    7_000,
  ]);
});
