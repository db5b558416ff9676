import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isAddress,
  isStreamAddress,
  Names,
  textOf,
  tokenOf,
} from "../../../../adapters/transports/nats/names.ts";

const names = new Names("");
const staging = new Names("staging");

Deno.test("every text is one token of a subject, and the token is the text again", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const token = tokenOf(text);
    assert.match(token, /^[A-Za-z0-9_%-]+$/);
    assert.equal(textOf(token), text);
  }));
  assert.equal(textOf("%41%"), "%41%", "a stranger's token that is not percent-encoded is the text itself");
});

Deno.test("the subject of an event has a token for each of its subject, and none if it has no subject", () => {
  assert.equal(names.event("order", "settled", "de.berlin"), "posthorn.events.order.settled.de.berlin");
  assert.equal(names.event("order", "settled", ""), "posthorn.events.order.settled");
  assert.equal(names.event("order", "settled", "a..*"), "posthorn.events.order.settled.a.%.%2A");
});

Deno.test("a key that is a wildcard is the key of one actor", () => {
  assert.equal(names.operation("order", "*", "add"), "order.%2A.add");
  assert.equal(names.reply("order", ">", "*"), "order.%3E.posthorn.%2A");
  assert.equal(names.serviceReply("billing", "*"), "posthorn.replies.billing.%2A");
});

Deno.test("a namespace is in front of every stream and every subject", () => {
  assert.equal(staging.inboxStream("order"), "STAGING_ORDER");
  assert.equal(staging.deadStream("orderLine"), "STAGING_orderLine_DEAD");
  assert.equal(staging.eventStream, "STAGING_POSTHORN_EVENTS");
  assert.equal(staging.event("order", "settled", "de"), "staging.posthorn.events.order.settled.de");
  assert.equal(staging.operation("order", "ada", "add"), "staging.order.ada.add");
  assert.deepEqual(staging.all("readers"), "staging.posthorn.readers.>");
});

Deno.test("no two protocols have the same stream", () => {
  assert.equal(names.inboxStream("order"), "ORDER");
  assert.equal(names.inboxStream("orderLine"), "orderLine");
  assert.notEqual(names.inboxStream("orderLine"), names.inboxStream("orderline"));
});

Deno.test("the stream of an inbox captures tells, submits and replies, but no ask", () => {
  const operations = [
    { name: "add", mode: "tell" },
    { name: "total", mode: "ask" },
    { name: "settle", mode: "submit" },
  ] as const;
  const subjects = names.inbox({ kind: "inbox", protocol: "order", operations });
  assert.deepEqual(subjects, ["order.*.posthorn.*", "order.*.add", "order.*.settle"]);
  assert.equal(names.operation("order", "a.b", "add"), "order.a%2Eb.add");
});

Deno.test("an address that this package has made is known as one of a stream", () => {
  assert(isStreamAddress(names.serviceReply("billing", "c 1")));
  assert(isStreamAddress(names.reply("order", "ada/b c", "")));
  assert(isStreamAddress(staging.serviceReply("billing", "c 1")));
  assert(isStreamAddress(staging.reply("order", "ada/b c", "")));
  assert(!isStreamAddress("order.ada.posthorn"));
  assert(!isStreamAddress("my.replies"));
});

Deno.test("an address that controls the server, has wildcards or is no subject is no address", () => {
  for (const address of ["my.replies", "_INBOX.abc.1", "é"]) assert(isAddress(address), address);
  for (
    const address of [
      "$JS.API.STREAM.DELETE.ORDER",
      "$SYS.x",
      "",
      "a b",
      "a..b",
      "a.*",
      ">",
      ".a",
      "a.",
      "a\r\nb",
    ]
  ) {
    assert(!isAddress(address), address);
  }
  assert(!isAddress("x".repeat(2_001)));
});
