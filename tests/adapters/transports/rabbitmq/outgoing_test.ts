import assert from "node:assert/strict";
import type { Destination, Parcel, Refusal } from "@posthorn/posthorn/transport";
import { Names } from "../../../../adapters/transports/rabbitmq/names.ts";
import { type Outgoing, outgoingOf } from "../../../../adapters/transports/rabbitmq/outgoing.ts";

const inbox: Destination = {
  kind: "inbox",
  protocol: "order",
  key: "ada",
  operation: { name: "add", mode: "tell" },
};
const event: Destination = {
  kind: "event",
  protocol: "order",
  event: "settled",
  mode: "event",
  subject: "de.berlin",
  key: "order/ada",
};

function made(more: Partial<Parcel>): Outgoing | Refusal {
  const parcel = { to: inbox, id: "m1", body: new Uint8Array(3), headers: {}, ...more };
  return outgoingOf(parcel, {
    service: "shop",
    names: new Names("shop", undefined),
    nowMs: 1_000,
    messageBytes: 10,
  });
}

function sent(more: Partial<Parcel>): Outgoing["envelope"] {
  const one = made(more);
  assert.ok("envelope" in one, JSON.stringify(one));
  return one.envelope;
}

function refused(more: Partial<Parcel>): Refusal {
  const one = made(more);
  assert.ok("code" in one);
  return one;
}

Deno.test("a command goes to the exchange of its protocol, by the key of the actor, and must reach a queue", () => {
  const { exchange, routingKey, mandatory, type, messageId, durable, appId } = sent({});
  assert.deepEqual([exchange, routingKey, mandatory, type], ["order", "ada", true, "add"]);
  assert.deepEqual([messageId, durable, appId], ["m1", true, "shop"]);
});

Deno.test("a long key is in a header, and a short one in no header", () => {
  const key = "日".repeat(170);
  const { headers } = sent({ to: { ...inbox, key } });
  assert.deepEqual(headers, { "posthorn-key": key });
  assert.deepEqual(sent({}).headers, {});
});

Deno.test("an event is a CloudEvent for whoever hears it, and needs nobody who does", () => {
  const { exchange, routingKey, mandatory, type, headers } = sent({ to: event, headers: { "x-a": "b" } });
  assert.deepEqual([exchange, routingKey, mandatory, type], [
    "posthorn.events",
    "order.settled.de.berlin",
    false,
    "settled",
  ]);
  assert.deepEqual(headers, {
    "x-a": "b",
    "cloudEvents:specversion": "1.0",
    "cloudEvents:id": "m1",
    "cloudEvents:source": "/shop",
    "cloudEvents:type": "order.settled",
    "cloudEvents:subject": "de.berlin",
  });
});

Deno.test("a reply goes to the queue that it names, which must be there unless it is a direct reply", () => {
  const to = (address: string) => {
    const { exchange, routingKey, mandatory } = sent({ to: { kind: "reply", address } });
    return [exchange, routingKey, mandatory];
  };
  assert.deepEqual(to("billing.replies"), ["", "billing.replies", true]);
  assert.deepEqual(to("amq.gen-abc"), ["", "amq.gen-abc", true]); // an ordinary queue, whose name the broker chose
  const direct =
    "amq.rabbitmq.reply-to.g1h2AA5yZXBseUAxNTEyODY3NgAAVfoAAAABawjFPw==.vtthCW7Gyom3WYZ3l53Yyg==";
  assert.deepEqual(to(direct), ["", direct, false]);
  assert.deepEqual(to("actor:order/ada/b"), ["order", "ada/b", true]);
});

Deno.test("the broker is told how long a message is worth something", () => {
  assert.equal(sent({ expiresAtMs: 1_250.5 }).expiration, "251");
  assert.equal(sent({ expiresAtMs: 900 }).expiration, "0");
  assert.equal(sent({}).expiration, undefined);
  assert.equal(sent({ expiresAtMs: 1_250 }).headers!["posthorn-expires"], "1250");
  const told = sent({ expiresAtMs: 1_250, headers: { "posthorn-deadline": "1250" } });
  assert.deepEqual(told.headers, { "posthorn-deadline": "1250" });
});

Deno.test("what cannot be sent whole is refused before it is sent, and never cut", () => {
  assert.equal(refused({ body: new Uint8Array(11) }).code, "too-large");
  assert.match(refused({ body: new Uint8Array(11) }).message, /its body has 11 of 10 bytes/);
  assert.equal(refused({ headers: { "x-a": "y".repeat(30_000) } }).code, "too-large");
  assert.equal(refused({ headers: { "x-a": "日".repeat(10_000) } }).code, "too-large");
  sent({ headers: { "x-a": "y".repeat(25_000) } });
  for (
    const more of [
      { correlationId: "c".repeat(256) },
      { id: "é".repeat(128) },
      { contentType: "t".repeat(256) },
      { to: { kind: "reply", address: "q".repeat(256) } as const },
    ]
  ) assert.equal(refused(more).code, "refused");
});
