import assert from "node:assert/strict";
import { nats, type NatsOptions } from "@posthorn/posthorn/nats";
import { settingsOf } from "../../../../adapters/transports/nats/options.ts";

Deno.test("a URL says where the server is, and user and password are not in what errors show", () => {
  const url = [
    "nats://ann:s%40e@example.com",
    "tls://token@[::1]:4333",
    "wss://example.com/nats",
    "ws://example.com",
  ];
  const { servers, tls } = settingsOf({ url });
  assert.deepEqual(servers, [
    {
      address: "nats://example.com:4222",
      host: "example.com",
      port: 4_222,
      place: "example.com:4222",
      isWebSocket: false,
      user: "ann",
      password: "s@e",
    },
    {
      address: "tls://[::1]:4333",
      host: "::1",
      port: 4_333,
      place: "[::1]:4333",
      isWebSocket: false,
      user: "token",
      password: undefined,
    },
    {
      address: "wss://example.com:443/nats",
      host: "example.com",
      port: 443,
      place: "example.com:443",
      isWebSocket: true,
      user: "",
      password: undefined,
    },
    {
      address: "ws://example.com:80/",
      host: "example.com",
      port: 80,
      place: "example.com:80",
      isWebSocket: true,
      user: "",
      password: undefined,
    },
  ]);
  assert.deepEqual(tls, {}, "one of them demands TLS");
});

Deno.test("an option that cannot be used is refused with its name, and without the password", () => {
  const url = "nats://ann:secret@example.com";
  const cases: readonly [Partial<NatsOptions>, RegExp][] = [
    [{ url: "amqp://ann:secret@example.com" }, /^Cannot use url of nats: it must be nats:\/\//],
    [{ url: [] }, /a list of 1 to 16 URLs/],
    [{ url: Array(17).fill(url) }, /a list of 1 to 16 URLs/],
    [{ url: `${url}?tls=true` }, /without a query/],
    [{ url: "nats://ann:%E0%A4secret@example.com" }, /percent-encoded/],
    [{ messageBytes: 0 }, /messageBytes: it must be a whole number of 1 to 67043328/],
    [{ messageBytes: 67_043_329 }, /messageBytes: .* current value is 67043329/],
    [{ retentionMs: 59_999 }, /retentionMs: it must be a whole number of 60000 to 3153600000000/],
    [{ namespace: "Test" }, /namespace of nats: it must be 1 to 32/],
    [{ namespace: null as unknown as string }, /namespace of nats: it must be 1 to 32/],
    [{ namespace: "posthorn" }, /namespace of nats: .* not posthorn/],
    [{ replicas: 6 }, /replicas: it must be a whole number of 1 to 5/],
    [{ credentials: "/etc/nats.creds" }, /the text of a credentials file, not its path/],
    [{ tls: { ca: "/etc/ca.pem" } }, /tls\.ca of nats: it must be PEM/],
    [{ tls: { cert: "-----BEGIN CERTIFICATE-----" } }, /given together with tls.key/],
    [{ url: "wss://example.com", tls: {} }, /tls of nats: it must be absent with ws/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => nats({ url, ...options }), (error: Error) => {
      assert(error instanceof RangeError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
  }
});

Deno.test("nothing is loaded and nothing is opened until a system starts", () => {
  const { traits, expose } = nats({ url: "nats://nowhere.invalid", messageBytes: 1_000 });
  assert.equal(traits.messageBytes, 1_000);
  assert.deepEqual(expose, []);
});
