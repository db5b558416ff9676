// Programs that have never heard of Posthorn, on a real NATS server: with a bare socket.

import assert from "node:assert/strict";
import { brokerTest } from "../../../brokers/given.ts";
import { add, eventually, parcels, Stage, total } from "./stage.ts";

/** A client of NATS that is a socket and lines of text. */
class BareSocket implements AsyncDisposable {
  readonly #socket: Deno.TcpConn;
  readonly #reading: Promise<void>;
  text = "";

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    this.#reading = this.#read();
  }

  static async connect(url: string): Promise<BareSocket> {
    const { hostname, port } = new URL(url);
    const socket = new BareSocket(await Deno.connect({ hostname, port: Number(port) }));
    await socket.say('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n');
    return socket;
  }

  async say(text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length;) at += await this.#socket.write(bytes.subarray(at));
  }

  async hears(pattern: RegExp): Promise<string[]> {
    await eventually(() => pattern.test(this.text), `the socket hears ${pattern}: ${this.text}`);
    return pattern.exec(this.text)!;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of this.#socket.readable) this.text += decoder.decode(chunk, { stream: true });
    } catch {
      // it is closed
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#reading;
  }
}

brokerTest("nats", "a bare socket tells, and the stream answers that it has it", async ({ url, prefix }) => {
  await using stage = new Stage(prefix);
  const inbox = stage.inbox("a");
  const taken = await stage.read(await stage.connect("reader", { url }), inbox);
  await using stranger = await BareSocket.connect(url);
  await stranger.say(`SUB _INBOX.s 1\r\nPUB ${inbox.protocol}.ada.add _INBOX.s 3\r\n{}1\r\n`);
  await stranger.hears(/"stream":"[A-Z0-9]+", ?"seq":1/);
  await eventually(() => taken.deliveries.length === 1, "it is taken");
  const [{ key, operation, id, body, contentType, replyTo, position }] = taken.deliveries;
  assert.deepEqual([key, operation, id, contentType, replyTo, position], [
    "ada",
    "add",
    undefined,
    undefined,
    undefined,
    1,
  ]);
  assert.equal(new TextDecoder().decode(body), "{}1");
});

brokerTest("nats", "a bare socket asks, and gets the reply and nothing else", async ({ url, prefix }) => {
  await using stage = new Stage(prefix);
  const inbox = stage.inbox("a", [add, total]);
  const connection = await stage.connect("reader", { url });
  const taken = await stage.read(connection, inbox);
  await using stranger = await BareSocket.connect(url);
  await stranger.say(`SUB _INBOX.s 1\r\nPUB ${inbox.protocol}.a%20b.total _INBOX.s 0\r\n\r\n`);
  await eventually(() => taken.deliveries.length === 1, "it is asked");
  const [{ key, replyTo, body }] = taken.deliveries;
  assert.deepEqual([key, replyTo, body.length], ["a b", "_INBOX.s", 0]);
  const [reply] = parcels(inbox, 450, 1);
  assert.deepEqual(await connection.send([{ ...reply, to: { kind: "reply", address: replyTo! } }]), [
    undefined,
  ]);
  await stranger.hears(/content-type: application\/json/);
  await stranger.hears(/\r\n\r\n450\r\n/);
  assert.equal(stranger.text.match(/^H?MSG /gm)?.length, 1);
});

brokerTest(
  "nats",
  "a bare socket submits, and its reply comes to the subject of the header reply-to",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const inbox = stage.inbox("a", [{ name: "settle", mode: "submit" }]);
    const connection = await stage.connect("reader", { url });
    const taken = await stage.read(connection, inbox);
    await using stranger = await BareSocket.connect(url);
    const headers =
      `NATS/1.0\r\nReply-To: ${prefix}.my.replies\r\nCorrelation-Id: 42\r\nNats-Msg-Id: s-1\r\ntraceparent: 00-a-b-01\r\n\r\n`;
    await stranger.say(
      `SUB ${prefix}.my.replies 1\r\nHPUB ${inbox.protocol}.ada.settle ${headers.length} ${
        headers.length + 4
      }\r\n${headers}null\r\n`,
    );
    await eventually(() => taken.deliveries.length === 1, "it is taken");
    const [{ id, replyTo, correlationId, headers: got }] = taken.deliveries;
    assert.deepEqual([id, replyTo, correlationId, got], ["s-1", `${prefix}.my.replies`, "42", {
      traceparent: "00-a-b-01",
    }]);
    const [reply] = parcels(inbox, 7, 1, { correlationId: "42" });
    assert.deepEqual(await connection.send([{ ...reply, to: { kind: "reply", address: replyTo! } }]), [
      undefined,
    ]);
    await stranger.hears(/correlation-id: 42[^]*\r\n\r\n7\r\n/);
  },
);

brokerTest(
  "nats",
  "a bare socket hears events as CloudEvents, and publishes some",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const event = { kind: "event", protocol: `${prefix}e`, event: "settled", mode: "event" } as const;
    const connection = await stage.connect("reader", { url });
    const taken = await stage.read(connection, event);
    await using stranger = await BareSocket.connect(url);
    await stranger.say(`SUB posthorn.events.${event.protocol}.settled.de.* 1\r\nPING\r\n`);
    await stranger.hears(/PONG/);
    const body = new TextEncoder().encode("1");
    const parcel = { id: "e-1", body, contentType: "application/json", headers: { traceparent: "00-1" } };
    await connection.send([{ ...parcel, to: { ...event, subject: "de.berlin", key: "k" } }]);
    await stranger.hears(new RegExp(`ce-type: ${event.protocol}\\.settled`));
    await stranger.hears(/ce-id: e-1[^]*ce-subject: de\.berlin/);
    await stranger.hears(/traceparent: 00-1/);
    const headers =
      "NATS/1.0\r\nce-specversion: 1.0\r\nce-id: x%201\r\nce-source: /till\r\nce-type: settled\r\n\r\n";
    const subject = `posthorn.events.${event.protocol}.settled.fr`;
    await stranger.say(`HPUB ${subject} ${headers.length} ${headers.length + 1}\r\n${headers}2\r\n`);
    await eventually(() => taken.deliveries.length === 2, "both are heard");
    const [, { id, key, headers: got }] = taken.deliveries;
    assert.deepEqual([id, key, got], ["x 1", "fr", { "ce-source": "/till" }]);
  },
);

brokerTest(
  "nats",
  "a stranger that takes the id of a message does not keep it out",
  async ({ url, prefix }) => {
    await using stage = new Stage(prefix);
    const inbox = stage.inbox("a");
    const connection = await stage.connect("reader", { url });
    const taken = await stage.read(connection, inbox);
    await using stranger = await BareSocket.connect(url);
    const headers = `NATS/1.0\r\nNats-Msg-Id: ${inbox.protocol}-1\r\n\r\n`;
    await stranger.say(
      `HPUB ${inbox.protocol}.bob.add ${headers.length} ${headers.length + 1}\r\n${headers}9\r\nPING\r\n`,
    );
    await stranger.hears(/PONG/);
    assert.deepEqual(await connection.send(parcels(inbox, 0, 3)), [undefined, undefined, undefined]);
    await eventually(() => taken.deliveries.length === 4, "all are taken");
    assert.deepEqual(taken.bodies, ["9", "0", "1", "2"]);
  },
);
