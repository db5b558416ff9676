import assert from "node:assert/strict";
import fc from "fast-check";
import {
  eventSubject,
  inboxStream,
  inboxSubjects,
  isAddress,
  isStreamAddress,
  operationSubject,
  repliesSubject,
  replySubject,
  textOf,
  tokenOf,
} from "../../../../adapters/transports/nats/names.ts";

Deno.test("every text is one token of a subject, and the token is the text again", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const token = tokenOf(text);
    assert.match(token, /^[A-Za-z0-9_%-]+$/);
    assert.equal(textOf(token), text);
  }));
  assert.equal(textOf("%41%"), "%41%", "a stranger's token that is not percent-encoded is the text itself");
});

Deno.test("the subject of an event has a token for each of its subject, and none if it has no subject", () => {
  assert.equal(eventSubject("order", "settled", "de.berlin"), "posthorn.events.order.settled.de.berlin");
  assert.equal(eventSubject("order", "settled", ""), "posthorn.events.order.settled");
  assert.equal(eventSubject("order", "settled", "a..*"), "posthorn.events.order.settled.a.%.%2A");
});

Deno.test("no two protocols have the same stream", () => {
  assert.equal(inboxStream("order"), "ORDER");
  assert.equal(inboxStream("orderLine"), "orderLine");
  assert.notEqual(inboxStream("orderLine"), inboxStream("orderline"));
});

Deno.test("the stream of an inbox captures tells, submits and replies, but no ask", () => {
  const operations = [
    { name: "add", mode: "tell" },
    { name: "total", mode: "ask" },
    { name: "settle", mode: "submit" },
  ] as const;
  const subjects = inboxSubjects({ kind: "inbox", protocol: "order", operations });
  assert.deepEqual(subjects, ["order.*.posthorn.*", "order.*.add", "order.*.settle"]);
  assert.equal(operationSubject("order", "a.b", "add"), "order.a%2Eb.add");
});

Deno.test("an address that this package has made is known as one of a stream", () => {
  assert(isStreamAddress(repliesSubject("billing", "c 1")));
  assert(isStreamAddress(replySubject("order", "ada/b c", "")));
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
  assert(!isAddress("x".repeat(1_025)));
});
