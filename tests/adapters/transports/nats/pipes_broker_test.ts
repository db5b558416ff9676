// How a real NATS server is reached: TLS on TCP, a WebSocket, and a credentials file.

import assert from "node:assert/strict";
import { nkeys } from "@nats-io/nats-core";
import type { NatsOptions } from "@posthorn/posthorn/nats";
import { makeCertificates } from "../../../brokers/certificates.ts";
import { brokerTest } from "../../../brokers/given.ts";
import { TcpProxy } from "../../../brokers/tcp_proxy.ts";
import { add, beginsTls, eventually, parcels, Stage, total } from "./stage.ts";

/** Tells and asks, with small bodies and large ones. */
async function exchange(stage: Stage, options: NatsOptions): Promise<void> {
  const inbox = stage.inbox("a", [add, total]);
  const reader = await stage.connect("reader", options);
  assert.deepEqual(reader.state, { status: "connected" });
  const taken = await stage.read(reader, inbox);
  const sender = await stage.connect("sender", options);
  const answers = await stage.read(sender, { kind: "process" });
  const bodies = [1, 70_000, 900_000].map((size) => new Uint8Array(size).fill(size % 251));
  const tells = parcels(inbox, 0, bodies.length).map((parcel, index) => ({ ...parcel, body: bodies[index] }));
  assert.deepEqual(await sender.send(tells), bodies.map(() => undefined));
  await eventually(() => taken.deliveries.length === bodies.length, "all are taken");
  assert.deepEqual(taken.deliveries.map(({ body }) => body.length), bodies.map(({ length }) => length));
  assert(taken.deliveries.every(({ body }, index) => body.every((byte) => byte === bodies[index][0])));
  const to = { kind: "inbox", protocol: inbox.protocol, key: "ada", operation: total } as const;
  const [ask] = parcels(inbox, 9, 1, { to, replyTo: { kind: "process" }, correlationId: "c.1" });
  assert(sender.sendNow!(ask, (refusal) => assert.fail(refusal?.message)));
  await eventually(() => taken.deliveries.length === bodies.length + 1, "it is asked");
  const { id, replyTo, headers } = taken.deliveries.at(-1)!;
  assert.deepEqual([id, headers["message-id"]], [ask.id, undefined]);
  const reply = { to: { kind: "reply", address: replyTo! }, id: "r", body: bodies[2], headers: {} } as const;
  assert(reader.sendNow!(reply, (refusal) => assert.fail(refusal?.message)));
  await eventually(() => answers.deliveries.length === 1, "it is answered");
  assert.deepEqual([answers.deliveries[0].correlationId, answers.deliveries[0].body.length], [
    "c.1",
    900_000,
  ]);
  assert.deepEqual(stage.reported, []);
}

brokerTest(
  "nats",
  "bodies of all sizes come as they were sent over a WebSocket",
  async ({ broker, prefix }) => {
    await using stage = new Stage(prefix);
    await exchange(stage, { url: broker.node.others.websocket });
  },
);

brokerTest("nats", "bodies of all sizes come as they were sent over TLS", async ({ own, prefix }) => {
  if (!beginsTls) return;
  await using stage = new Stage(prefix);
  const { node } = await own({ tls: true, password: true });
  await exchange(stage, { url: node.url, tls: { ca: await Deno.readTextFile(node.authority!) } });
});

brokerTest(
  "nats",
  "a server that is not trusted, or is another one, gets nothing",
  async ({ own, prefix }) => {
    if (!beginsTls) return;
    await using stage = new Stage(prefix);
    const { node } = await own({ tls: true, password: true });
    const [{ reason }, other] = await Promise.all([
      stage.connect("a", { url: node.url }).then(({ state }) => state),
      makeCertificates(await Deno.makeTempDir({ dir: node.authority!.replace(/[^/]+$/, "") })),
    ]);
    assert.match(reason!, /certificate/i);
    const ca = await Deno.readTextFile(other.authority);
    const untrusted = await stage.connect("b", { url: node.url, tls: { ca } });
    assert.match(untrusted.state.reason!, /certificate/i);
  },
);

brokerTest("nats", "a server that wants a certificate is shown one", async ({ own, prefix }) => {
  if (!beginsTls) return;
  await using stage = new Stage(prefix);
  const folder = await Deno.makeTempDir();
  try {
    const files = await makeCertificates(folder);
    const [ca, cert, key] = await Promise.all(
      [files.authority, files.certificate, files.key].map((file) => Deno.readTextFile(file)),
    );
    const { url } = await own({
      configuration: [
        `tls { cert_file: "${files.certificate}", key_file: "${files.key}", ca_file: "${files.authority}", verify: true }`,
      ],
    });
    const shown = await stage.connect("a", { url, tls: { ca, cert, key } });
    assert.deepEqual(shown.state, { status: "connected" });
    const bare = await stage.connect("b", { url, tls: { ca } });
    assert.equal(bare.state.status, "connecting");
    assert.match(bare.state.reason!, /certificate/i);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

brokerTest("nats", "a password or a token may have any letters", async ({ own, prefix }) => {
  await using stage = new Stage(prefix);
  const odd = `p@:/ %"'é日`;
  const [quoted, encoded] = [JSON.stringify(odd), encodeURIComponent(odd)];
  for (
    const [login, authorization] of [
      [encoded, `token: ${quoted}`],
      [`${encoded}:${encoded}`, `user: ${quoted}, password: ${quoted}`],
    ]
  ) {
    const { url } = await own({ configuration: [`authorization { ${authorization} }`] });
    const known = await stage.connect("a", { url: url.replace("//", `//${login}@`) });
    assert.deepEqual(known.state, { status: "connected" });
    assert.equal((await stage.connect("b", { url })).state.status, "refused");
  }
});

brokerTest(
  "nats",
  "a WebSocket that is cut is opened again, and what is sent again is there",
  async ({ broker, prefix }) => {
    await using stage = new Stage(prefix);
    const { port } = new URL(broker.node.others.websocket);
    await using proxy = new TcpProxy({ hostname: "127.0.0.1", port: Number(port) });
    const url = `ws://127.0.0.1:${proxy.port}`;
    const inbox = stage.inbox("a");
    const taken = await stage.read(await stage.connect("reader", { url }), inbox);
    const sender = await stage.connect("sender", { url });
    assert.deepEqual(await sender.send(parcels(inbox, 0, 5)), Array(5).fill(undefined));
    await eventually(() => taken.deliveries.length === 5, "they are taken");
    proxy.cut();
    const next = parcels(inbox, 5, 5);
    await eventually(() => sender.send(next).then(() => true, () => false), "it is connected again");
    await eventually(() => taken.bodies.includes("9"), "the next are taken");
    assert.deepEqual([...new Set(taken.bodies)], Array.from({ length: 10 }, (_, index) => String(index)));
  },
);

brokerTest("nats", "a credentials file proves who this program is", async ({ own, prefix }) => {
  await using stage = new Stage(prefix);
  const user = nkeys.createUser();
  const credentialsOf = (of: typeof user) =>
    `-----BEGIN NATS USER JWT-----\ne30\n------END NATS USER JWT------\n\n` +
    `-----BEGIN USER NKEY SEED-----\n${
      new TextDecoder().decode(of.getSeed())
    }\n------END USER NKEY SEED------\n`;
  const users = `authorization { users: [{ nkey: "${user.getPublicKey()}" }] }`;
  const { url } = await own({ configuration: [users] });
  const connection = await stage.connect("a", { url, credentials: credentialsOf(user) });
  assert.deepEqual(connection.state, { status: "connected" });
  const refused = await stage.connect("b", { url, credentials: credentialsOf(nkeys.createUser()) });
  assert.equal(refused.state.status, "refused");
  assert.match(refused.state.reason!, /Authorization Violation/);
});
