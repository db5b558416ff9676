import assert from "node:assert/strict";
import fc from "fast-check";
import type { Channel, Delivery, Parcel } from "@posthorn/posthorn/transport";
import type { Message } from "../../../../adapters/transports/rabbitmq/client.ts";
import { deliveryOf } from "../../../../adapters/transports/rabbitmq/incoming.ts";
import { Names } from "../../../../adapters/transports/rabbitmq/names.ts";
import { outgoingOf } from "../../../../adapters/transports/rabbitmq/outgoing.ts";

const inbox: Channel = { kind: "inbox", protocol: "order", operations: [] };
const event = { kind: "event", protocol: "order", event: "settled", mode: "event" } satisfies Channel;

function delivered(more: Partial<Message>, channel: Channel = inbox, nowMs = 10_000): Delivery {
  const body = new Uint8Array();
  const message = { deliveryTag: 1, redelivered: false, exchange: "order", routingKey: "ada", body, ...more };
  return deliveryOf(message, channel, nowMs);
}

/** What the broker hands over of what is published. */
function carried(parcel: Parcel, channel: Channel): Delivery {
  const made = outgoingOf(parcel, {
    service: "shop",
    names: new Names("shop", undefined),
    nowMs: 0,
    messageBytes: 1_000,
  });
  assert.ok("envelope" in made, JSON.stringify(made));
  const { contentType, ...envelope } = made.envelope;
  return delivered({ ...envelope, rawContentType: contentType, body: made.body }, channel);
}

const texts = fc.string({ unit: "grapheme", maxLength: 300 });

Deno.test("a command arrives as it was sent, whatever its key", () => {
  fc.assert(fc.property(texts.filter((key) => key !== ""), texts, (key, value) => {
    const to = { kind: "inbox", protocol: "order", key, operation: { name: "add", mode: "tell" } } as const;
    const body = new TextEncoder().encode(value.slice(0, 100));
    const got = carried({ to, id: "m", body, headers: { "x-v": value } }, inbox);
    assert.deepEqual([got.key, got.operation, got.headers, got.body], [key, "add", { "x-v": value }, body]);
  }));
});

Deno.test("an event arrives with its subject, whatever that is, and with no header of its carriage", () => {
  fc.assert(fc.property(texts, (subject) => {
    const to = { ...event, subject, key: "k" } as const;
    const got = carried({ to, id: "m", body: new Uint8Array(), headers: {} }, event);
    assert.deepEqual([got.id, got.key, got.headers], ["m", subject, {}]);
  }));
});

Deno.test("a reply to an actor can be sent to the actor, and one to a queue to the queue", () => {
  const parcel = {
    to: { kind: "inbox", protocol: "order", key: "ada" },
    id: "m",
    body: new Uint8Array(),
    headers: {},
  } as const;
  const actor = carried({ ...parcel, replyTo: { kind: "inbox", protocol: "cart", key: "a/b" } }, inbox);
  assert.equal(actor.replyTo, "actor:cart/a/b");
  assert.deepEqual(actor.headers, {});
  assert.equal(carried({ ...parcel, replyTo: { kind: "replies" } }, inbox).replyTo, "shop.replies");
  assert.equal(carried(parcel, inbox).replyTo, undefined);
});

Deno.test("the attributes of a CloudEvent stand in for the properties that a stranger leaves out", () => {
  const headers = {
    "cloudEvents:specversion": "1.0",
    "cloudEvents:id": "e1",
    "cloudEvents:source": "/erp",
    "cloudEvents:type": "com.example.order.add",
    "cloudEvents_subject": "ada",
    "cloudEvents:comexampleextension": "x",
  };
  const got = delivered({ headers, routingKey: "" });
  assert.deepEqual([got.id, got.operation, got.key], ["e1", "add", "ada"]);
  assert.deepEqual(got.headers, { "ce-source": "/erp", "ce-comexampleextension": "x" });
  const named = delivered({ headers, messageId: "m1", type: "total", routingKey: "bea" });
  assert.deepEqual([named.id, named.operation, named.key], ["m1", "total", "bea"]);
});

Deno.test("headers of strangers become text, with lower-case names, whatever they are", () => {
  const headers = {
    Traceparent: "00-1-2-03",
    "X-Number": 7,
    "x-flag": true,
    "x-none": null,
    "x-bytes": new TextEncoder().encode("é"),
    "x-list": ["a", 1],
    "__proto__x": "p",
    "x-delivery-count": 3,
  };
  assert.deepEqual(delivered({ headers }).headers, {
    traceparent: "00-1-2-03",
    "x-number": "7",
    "x-flag": "true",
    "x-none": "",
    "x-bytes": "é",
    "x-list": '["a",1]',
    "__proto__x": "p",
  });
  const hostile = JSON.parse('{"__proto__": {"polluted": "yes"}}');
  assert.equal((delivered({ headers: hostile }).headers as { polluted?: string }).polluted, undefined);
});

Deno.test("a header cannot give a message to an actor that its routing key does not name", () => {
  assert.equal(delivered({ headers: { "posthorn-key": "bea" } }).key, "ada");
  const to = { ...event, subject: "", key: "k" };
  assert.equal(to.subject, "");
  const other = { exchange: "posthorn.events", routingKey: "order.settled.de" };
  assert.equal(delivered({ ...other, headers: { "posthorn-subject": "fr" } }, event).key, "de");
});

Deno.test("a reply that a stranger sends straight to the queue is a reply, not a command", () => {
  const got = delivered({ exchange: "", routingKey: "order", correlationId: "c1", type: "answer" });
  assert.deepEqual([got.key, got.operation, got.correlationId], ["", undefined, "c1"]);
  for (const channel of [{ kind: "replies" }, { kind: "process" }] as const) {
    assert.deepEqual(
      [delivered({ type: "error" }, channel).key, delivered({ type: "error" }, channel).operation],
      [
        "",
        undefined,
      ],
    );
  }
});

Deno.test("a compressed body has a media type that nobody takes for JSON", () => {
  const rawContentType = "application/json";
  assert.equal(
    delivered({ rawContentType, contentEncoding: "gzip" }).contentType,
    "application/json+gzip",
  );
  assert.equal(delivered({ rawContentType, contentEncoding: "UTF-8" }).contentType, rawContentType);
  assert.equal(delivered({ contentEncoding: "gzip" }).contentType, "application/octet-stream+gzip");
});

Deno.test("a message expires when its sender says, else when the broker would have dropped it", () => {
  const of = (more: Partial<Message>) => delivered(more).expiresAtMs;
  assert.equal(of({ headers: { "posthorn-deadline": "77" }, expiration: "5" }), 77);
  assert.equal(of({ headers: { "posthorn-deadline": "soon" } }), undefined);
  assert.equal(of({ expiration: "5" }), 10_005);
  assert.equal(of({ expiration: "5", timestamp: 8 }), 9_004);
  assert.equal(of({ expiration: "5", timestamp: 1e9 }), 10_005); // a forged time makes nothing last longer
  assert.equal(of({ expiration: "never" }), undefined);
  assert.equal(of({}), undefined);
});
