import assert from "node:assert/strict";
import type { Channel, Parcel } from "@posthorn/posthorn/transport";
import { asideHeaders, deliveryOf } from "../../../../adapters/transports/nats/incoming.ts";
import { headerBlock, Message } from "../../../../adapters/transports/nats/message.ts";
import { Names } from "../../../../adapters/transports/nats/names.ts";
import { type Route, routeOf } from "../../../../adapters/transports/nats/outgoing.ts";

const sending = {
  service: "shop",
  names: new Names(""),
  inbox: "_INBOX.me",
  messageBytes: 1_000,
  payloadBytes: 2_000,
  mayShare: true,
  isNew: false,
};
const body = new TextEncoder().encode("1");
const tell: Parcel = {
  to: { kind: "inbox", protocol: "order", key: "a/b", operation: { name: "add", mode: "tell" } },
  id: "m-1",
  body,
  contentType: "application/json",
  headers: { traceparent: "00-1", "x-note": "n" },
};
const inbox: Channel = { kind: "inbox", protocol: "order", operations: [{ name: "add", mode: "tell" }] };

function message(subject: string, headers: Readonly<Record<string, string>>, reply = ""): Message {
  return new Message(subject, reply, body, new TextEncoder().encode(headerBlock(headers)));
}

function routed(parcel: Parcel): Route {
  const route = routeOf(parcel, sending);
  if ("code" in route) throw new Error(route.message);
  return route;
}

Deno.test("a tell goes into a stream with its address in a header, and an ask straight to whoever hears it", () => {
  const replyTo = { kind: "inbox", protocol: "cart", key: "c 1" } as const;
  const { by, outgoing: message } = routed({ ...tell, replyTo, correlationId: "n.1" });
  assert.deepEqual([by, message.subject, message.reply], ["stream", "order.a%2Fb.add", undefined]);
  assert.equal(message.headers["reply-to"], "cart.c%201.posthorn.n%2E1");
  const ask = { ...tell, to: { ...tell.to, operation: { name: "total", mode: "ask" } } } as Parcel;
  const asked = routed({ ...ask, replyTo: { kind: "process" }, correlationId: "c" });
  assert.deepEqual([asked.by, asked.outgoing.reply], ["core", "_INBOX.me.r.c"]);
  assert.equal(asked.outgoing.headers["reply-to"], undefined);
});

Deno.test("what was sent is what is received, without the headers that the adapter has added", () => {
  const parcel = { ...tell, correlationId: "c-1", expiresAtMs: 5, replyTo: { kind: "replies" } } as const;
  const { outgoing: { subject, headers } } = routed(parcel);
  assert.deepEqual(deliveryOf(message(subject, { ...headers, "Nats-Msg-Id": "chain-1" }), inbox, 7, 0), {
    id: "m-1",
    key: "a/b",
    operation: "add",
    body,
    contentType: "application/json",
    headers: { traceparent: "00-1", "x-note": "n" },
    replyTo: "posthorn.replies.shop.c-1",
    correlationId: "c-1",
    expiresAtMs: 5,
    position: 7,
    again: false,
  });
});

Deno.test("a reply that is sent once to a process has the headers that say something, and another one all of them", () => {
  const ofTurns = {
    "posthorn-reply": "true",
    "posthorn-sender": "shop/order/ada",
    "posthorn-cause": "a",
    "posthorn-correlation": "chain",
  };
  const given = { traceparent: "00-1", "posthorn-encoded": "x-note", ...ofTurns };
  const contentType = "application/problem+json";
  const reply = (address: string) => {
    const to = { kind: "reply", address } as const;
    const route = routeOf({ ...tell, to, contentType, correlationId: "c.1", headers: given }, sending, true);
    if ("code" in route) throw new Error(route.message);
    return route;
  };
  const { by, outgoing: { subject, headers } } = reply("_INBOX.you.r.c%2E1");
  assert.equal(by, "core");
  const got = deliveryOf(message(subject, headers), { kind: "process" }, undefined, 0);
  assert.deepEqual([got.contentType, got.correlationId, got.id], [contentType, "c.1", undefined]);
  assert.deepEqual(got.headers, { traceparent: "00-1", "posthorn-encoded": "x-note" });
  for (const address of ["posthorn.replies.cart.c%2E1", "cart.c%201.posthorn.n%2E1"]) {
    const { headers } = reply(address).outgoing;
    const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => name in ofTurns));
    assert.deepEqual(kept, ofTurns, "a turn may take it");
  }
});

const ask = {
  ...tell,
  to: { kind: "inbox", protocol: "order", key: "a/b", operation: { name: "total", mode: "ask" } },
  replyTo: { kind: "process" },
  correlationId: "c.1",
  headers: { "posthorn-sender": "cart/basket/a%20b", "posthorn-deadline": "1700000000000" },
} as const satisfies Parcel;
const asks: Channel = { kind: "inbox", protocol: "order", operations: [{ name: "total", mode: "ask" }] };

function once(parcel: Parcel): Route["outgoing"] {
  const route = routeOf(parcel, sending, true);
  if ("code" in route) throw new Error(route.message);
  return route.outgoing;
}

Deno.test("an ask that is sent once has no headers, and says who asks and until when in the subject of its reply", () => {
  const { subject, headers, reply } = once(ask);
  assert.deepEqual([subject, headers], ["order.a%2Fb.total", {}]);
  assert.equal(reply, "_INBOX.me.posthorn.c%2E1.m-1.1700000000000.cart%2Fbasket%2Fa%2520b");
  const got = deliveryOf(new Message(subject, reply!, body), asks, undefined, 0);
  assert.deepEqual([got.id, got.key, got.operation, got.replyTo], ["m-1", "a/b", "total", reply]);
  assert.deepEqual([got.headers, got.expiresAtMs], [ask.headers, 1_700_000_000_000]);
  const answer = deliveryOf(new Message(reply!, "", body), { kind: "process" }, undefined, 0);
  assert.deepEqual([answer.correlationId, answer.key], ["c.1", ""]);
});

Deno.test("replies to the asks of a process share a subject, and say beside it to what they are one", () => {
  const address = once(ask).reply!;
  const headers = { "posthorn-reply": "true", traceparent: "00-2" };
  const answer = { ...tell, to: { kind: "reply", address }, headers } as const;
  const shared = once(answer);
  assert.deepEqual([shared.subject, shared.reply], ["_INBOX.me.posthorn", "c%2E1"]);
  const bare = deliveryOf(
    new Message(shared.subject, shared.reply!, body),
    { kind: "process" },
    undefined,
    0,
  );
  const process = { kind: "process" } as const;
  const full = deliveryOf(message(shared.subject, shared.headers, shared.reply), process, undefined, 0);
  for (const { correlationId, key, replyTo } of [bare, full]) {
    assert.deepEqual([correlationId, key, replyTo], ["c.1", "", undefined]);
  }
  assert.equal(full.headers.traceparent, "00-2");
  const own = routeOf(answer, { ...sending, mayShare: false }, true) as Route;
  assert.deepEqual([own.outgoing.subject, own.outgoing.reply], [address, undefined]);
  const { outgoing: early } = routeOf(ask, { ...sending, isNew: true }, true) as Route;
  assert.equal(early.reply, address.replace(".posthorn.", ".posthorn-own."));
  const { subject, reply } = once({ ...answer, to: { kind: "reply", address: early.reply! } });
  assert.deepEqual([subject, reply], [early.reply, undefined], "the shared one may not be known yet");
  assert.equal(routed(answer).outgoing.subject, address, "one that waits goes where it was asked for");
  const asking = once({ ...answer, replyTo: { kind: "process" }, correlationId: "d" });
  assert.deepEqual(
    [asking.subject, asking.reply],
    [address, "_INBOX.me.r.d"],
    "one may ask for a reply itself",
  );
  for (
    const address of [
      "_INBOX.x",
      "_INBOX.me.r.c",
      "_INBOX.me.posthorn",
      "_INBOX.me.posthorn.c",
      "_INBOX.me.posthorn.c.d", // a stranger may have an inbox of that name
      "_INBOX.me.posthorn.c.d.e",
      "_INBOX.me.posthorn.c.d.e.f.g",
      "a.b.posthorn.c.d.e.f",
    ]
  ) {
    const { subject, reply } = once({ ...answer, to: { kind: "reply", address } });
    assert.deepEqual([subject, reply], [address, undefined]);
  }
});

Deno.test("a key, an operation and the name of a reply are read from the subject of an inbox", () => {
  const read = (subject: string, depth: number) => {
    const { key, operation, correlationId } = deliveryOf(
      new Message(subject, "", body),
      inbox,
      undefined,
      depth,
    );
    return [key, operation, correlationId];
  };
  assert.deepEqual(read("order.a%2Fb.add", 0), ["a/b", "add", undefined]);
  assert.deepEqual(read("shop.order.ada.add", 1), ["ada", "add", undefined]);
  assert.deepEqual(read("order.ada.posthorn.n%2E1", 0), ["ada", undefined, "n.1"]);
  assert.deepEqual(read("order.%.posthorn.n.more", 0), ["", undefined, "n"]);
  assert.deepEqual(read("order.ada", 0), ["ada", undefined, undefined]);
});

Deno.test("an ask with headers of a user has only those, and a reply with headers says the same", () => {
  const { subject, headers, reply } = once({ ...ask, headers: { ...ask.headers, traceparent: "00-1" } });
  assert.deepEqual(headers, { traceparent: "00-1" });
  const got = deliveryOf(message(subject, headers, reply), asks, undefined, 0);
  assert.deepEqual([got.id, got.expiresAtMs], ["m-1", 1_700_000_000_000]);
  assert.deepEqual(got.headers, { ...ask.headers, traceparent: "00-1" });
  const answer = deliveryOf(message(reply!, { traceparent: "00-2" }), { kind: "process" }, undefined, 0);
  assert.deepEqual([answer.correlationId, answer.headers], ["c.1", { traceparent: "00-2" }]);
});

Deno.test("an ask whose sender has a long name says it in a header", () => {
  const sender = `cart/basket/${"x".repeat(1_000)}`;
  const { headers, reply } = once({ ...ask, headers: { ...ask.headers, "posthorn-sender": sender } });
  assert.equal(reply, "_INBOX.me.r.c%2E1");
  assert.deepEqual(headers, { ...ask.headers, "posthorn-sender": sender, "message-id": "m-1" });
});

Deno.test("a subject for a reply that a stranger has made up says no more than headers can, and headers come first", () => {
  const told = (reply: string, headers?: Record<string, string>) => {
    const head = headers && new TextEncoder().encode(headerBlock(headers));
    const got = deliveryOf(new Message("order.ada.total", reply, body, head), asks, undefined, 0);
    assert.equal(got.replyTo, reply, "the reply goes where it was asked for");
    return [got.id, got.expiresAtMs, got.headers["posthorn-sender"]];
  };
  const nothing = [undefined, undefined, undefined];
  for (
    const reply of ["_INBOX.x", "_INBOX.x.r.a.b.c.d", "_INBOX.x.posthorn.a.b.c", "me.x.posthorn.a.b.5.d"]
  ) {
    assert.deepEqual(told(reply), nothing, reply);
  }
  assert.deepEqual(told("_INBOX.x.posthorn.a.b.never.d"), ["b", undefined, "d"]);
  assert.deepEqual(told("_INBOX.x.posthorn.a.%.%.%"), [undefined, undefined, ""]);
  assert.deepEqual(told("_INBOX.x.posthorn.a.%E0%A4.5.%zz"), ["%E0%A4", 5, "%zz"]);
  const headers = { "message-id": "own", "posthorn-deadline": "7", "posthorn-sender": "me" };
  assert.deepEqual(told("_INBOX.x.posthorn.a.b.5.d", headers), ["own", 7, "me"]);
  const stored = deliveryOf(new Message("order.ada.add", "_INBOX.x.posthorn.a.b.5.d", body), inbox, 1, 0);
  assert.deepEqual([stored.id, stored.headers], [undefined, {}], "what a stream brings is no ask");
});

Deno.test("an event is a CloudEvent", () => {
  const to = {
    kind: "event",
    protocol: "order",
    event: "settled",
    mode: "event",
    subject: "de.ü 1",
    key: "k",
  } as const;
  const { outgoing: sent } = routed({ ...tell, to });
  assert.equal(sent.subject, "posthorn.events.order.settled.de.%C3%BC%201");
  assert.deepEqual(
    Object.fromEntries(Object.entries(sent.headers).filter(([name]) => name.startsWith("ce-"))),
    {
      "ce-specversion": "1.0",
      "ce-id": "m-1",
      "ce-source": "/shop",
      "ce-type": "order.settled",
      "ce-subject": "de.%C3%BC%201",
    },
  );
  const channel: Channel = { kind: "event", protocol: "order", event: "settled", mode: "event" };
  const got = deliveryOf(message(sent.subject, sent.headers), channel, 1, 0);
  assert.deepEqual([got.key, got.operation, got.headers["ce-source"]], ["de.ü 1", "settled", "/shop"]);
});

Deno.test("the id of a stranger's message is that of its CloudEvent, or the one that it gave the server", () => {
  const idOf = (headers: Record<string, string>) =>
    deliveryOf(message("order.ada.add", headers), inbox, 1, 0).id;
  assert.equal(idOf({ "Message-Id": "a", "ce-id": "b", "Nats-Msg-Id": "c" }), "a");
  assert.equal(idOf({ "ce-id": "b%20c", "Nats-Msg-Id": "c" }), "b c");
  assert.equal(idOf({ "Nats-Msg-Id": "c" }), "c");
  assert.equal(idOf({}), undefined);
});

Deno.test("only an ask is answered to the subject of its message: of a stream that would confirm a delivery", () => {
  const headers = { "reply-to": "my.replies", "correlation-id": "42" };
  const stored = deliveryOf(message("order.ada.add", headers, "$JS.ACK.ORDER.c.1.2.3.4.5"), inbox, 2, 0);
  assert.deepEqual([stored.replyTo, stored.correlationId], ["my.replies", "42"]);
  const asked = deliveryOf(message("order.ada.total", {}, "_INBOX.x"), inbox, undefined, 0);
  assert.deepEqual([asked.replyTo, asked.position], ["_INBOX.x", undefined]);
});

Deno.test("what cannot be sent is refused before anything of its batch is sent, with size and limit", () => {
  const refused = (parcel: Parcel) => {
    const refusal = routeOf(parcel, sending);
    if (!("code" in refusal)) throw new Error("It is not refused");
    return `${refusal.code}: ${refusal.message}`;
  };
  assert.match(refused({ ...tell, body: new Uint8Array(1_001) }), /^too-large: .*1001 of 1000 bytes/);
  assert.match(
    refused({ ...tell, headers: { big: "x".repeat(2_000) } }),
    /^too-large: .* of 2000 bytes with its headers/,
  );
  const subject = "日".repeat(512);
  const to = {
    kind: "event",
    protocol: "order",
    event: "settled",
    mode: "event",
    subject,
    key: "k",
  } as const;
  assert.match(refused({ ...tell, to }), /^too-large: .*its subject has 4638 of 3000 bytes/);
  const address = `_INBOX.${"日".repeat(1_000)}`; // shorter in characters than in bytes
  assert.match(refused({ ...tell, to: { kind: "reply", address } }), /^too-large: .*3007 of 3000 bytes/);
  assert.match(
    refused({ ...tell, to: { kind: "reply", address: "_INBOX.a" }, correlationId: "日".repeat(650) }),
    /^too-large: .* of 2000 bytes with its headers/,
  );
  const control = { kind: "reply", address: "$JS.API.STREAM.DELETE.ORDER" } as const;
  assert.match(refused({ ...tell, to: control }), /^refused: .*no subject/);
  for (
    const kind of [
      "services.shop.store",
      "readers.shop.inbox-order",
      "dead.order.shop",
      "events.order.settled",
    ]
  ) {
    for (const address of [`posthorn.${kind}`, `test.posthorn.${kind}`]) {
      assert.match(refused({ ...tell, to: { kind: "reply", address } }), /^refused: .*no subject/, address);
    }
  }
  assert.match(
    refused({ ...tell, to: { ...tell.to, protocol: "posthorn" } as Parcel["to"] }),
    /^refused: .*reserves/,
  );
});

Deno.test("what is put aside says why, and has as many of its headers as there is room for", () => {
  const own = {
    "x-large": "日".repeat(300),
    "Nats-Msg-Id": "c",
    constructor: "a",
    "posthorn-reason": "none",
  };
  const given = message("order.ada.add", own);
  const sizeOf = (headers: Record<string, string>) => new TextEncoder().encode(headerBlock(headers)).length;
  const why = { "posthorn-reason": "unreadable", "posthorn-subject": "order.ada.add" };
  const all = { ...why, "x-large": own["x-large"], constructor: "a" };
  assert.deepEqual(asideHeaders(given, "unreadable", sizeOf(all)), all);
  assert.deepEqual(asideHeaders(given, "unreadable", sizeOf(all) - 1), { ...why, "x-large": own["x-large"] });
  assert.deepEqual(asideHeaders(given, "unreadable", sizeOf(why) + 100), { ...why, constructor: "a" });
  assert.deepEqual(asideHeaders(given, "unreadable", 0), {});
});
