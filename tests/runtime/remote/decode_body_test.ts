// What strangers send is read as far as it can be, and never makes anything throw that is no verdict.

import assert from "node:assert/strict";
import { PosthornError } from "@posthorn/posthorn";
import fc from "fast-check";
import type { Delivery } from "@posthorn/posthorn/transport";
import { bodyOf, problemOf } from "../../../runtime/remote/body.ts";
import { failureOf, keptBody, payloadOf } from "../../../runtime/remote/decode_body.ts";
import { messageMark } from "../../../runtime/remote/message_mark.ts";
import { receivedMessage } from "../../../runtime/remote/received_message.ts";
import { isGivenId } from "../../../runtime/messages/ids.ts";
import { delivered, inbox, tenureOf } from "./intake_stage.ts";

const encoder = new TextEncoder();

function body(text: string, contentType?: string): Delivery {
  return delivered("add", undefined, { body: encoder.encode(text), contentType });
}

Deno.test("a payload comes back as it was sent", () => {
  for (
    const payload of [
      undefined,
      0,
      "",
      "text",
      [1],
      { a: [null] },
      new Date(5),
      new Set(["a"]),
      5n,
      new Map([[1, 2]]),
    ]
  ) {
    assert.deepEqual(payloadOf(delivered("add", undefined, bodyOf(payload))), payload);
  }
});

Deno.test("JSON is read by its content type, without one, and with a mark of its byte order", () => {
  for (
    const type of [
      undefined,
      "",
      "application/json",
      "Application/JSON;charset=utf-8",
      'application/json; charset="UTF-8"',
    ]
  ) {
    assert.deepEqual(payloadOf(body('{"a":1}', type)), { a: 1 });
  }
  assert.deepEqual(payloadOf(body('\ufeff{"a":1}')), { a: 1 });
  assert.equal(payloadOf(body("", "image/png")), undefined);
  for (
    const type of [
      "text/plain",
      "application/cloudevents+json",
      "application/json;charset=latin1",
      "application/problem+json",
    ]
  ) {
    assert.throws(() => payloadOf(body("1", type)), { code: "unknown-content-type" });
  }
});

Deno.test("a failure is read whatever it lacks, and nothing else is one", () => {
  const problem = "application/problem+json; charset=utf-8";
  const failure = { id: "7", code: "sold-out", message: "No tea" };
  assert.deepEqual(failureOf(delivered("x", undefined, problemOf(failure)), "own"), failure);
  assert.deepEqual(failureOf(body('{"title":"Gone","status":410}', problem), "own"), {
    id: "own",
    code: "failed",
    message: "Gone",
  });
  for (const text of ["", "null", "[", '{"code":7,"detail":{}}', '{"code":"Bad Code"}']) {
    assert.equal(failureOf(body(text, problem), "own")?.code, "failed", text);
  }
  const long = failureOf(body(JSON.stringify({ detail: "x".repeat(9_000) }), problem), "own");
  assert.equal(long?.message.length, 4_000);
  assert.equal(failureOf(body('{"code":"a"}', "application/json"), "own"), undefined);
});

Deno.test("what is kept of a body is text if it is text", () => {
  assert.equal(keptBody(body("tea é")), "tea é");
  assert.deepEqual(
    keptBody(delivered("x", undefined, { body: new Uint8Array([255]) })),
    new Uint8Array([255]),
  );
});

Deno.test("headers of users are kept, and those of the runtime and of the broker are not", () => {
  const headers = {
    "posthorn-sender": "billing/ledger/caf%C3%A9",
    "posthorn-cause": "a%2Fb",
    "posthorn-encoded": "x-name",
    "posthorn-anything": "forged",
    "x-name": "caf%C3%A9",
    "x-other": "caf%C3%A9",
    "cloudevents:id": "7",
    "ce-id": "7",
    x_odd: "1",
    traceparent: "00-1-2-03",
  };
  const message = receivedMessage(delivered("add", "a", { headers }), tenureOf(), () => "fresh");
  assert.deepEqual({ ...message.headers }, {
    "x-name": "café",
    "x-other": "caf%C3%A9",
    traceparent: "00-1-2-03",
  });
  assert.deepEqual([message.service, message.causationId, message.id], ["billing", "a/b", "fresh"]);
});

Deno.test("any delivery is read, and any id becomes one that this system takes", () => {
  const text = fc.string({ unit: "binary", maxLength: 600 });
  const headers = fc.dictionary(
    fc.oneof(
      fc.constantFrom("posthorn-sender", "posthorn-cause", "posthorn-deadline", "posthorn-reply-key"),
      text,
    ),
    text,
  );
  const optional = fc.option(text, { nil: undefined });
  fc.assert(fc.property(
    fc.record({
      id: optional,
      key: text,
      operation: optional,
      correlationId: optional,
      contentType: optional,
      headers,
    }),
    fc.uint8Array({ maxLength: 200 }),
    (parts, bytes) => {
      const delivery = { ...parts, body: bytes, again: false };
      const message = receivedMessage(delivery, tenureOf(), () => "fresh");
      assert.ok(isGivenId(message.id));
      assert.ok((messageMark(message, inbox) ?? "").length <= 1_100);
      try {
        payloadOf(delivery);
      } catch (error) {
        assert.ok(error instanceof PosthornError);
      }
      failureOf(delivery, "own");
      keptBody(delivery);
    },
  ));
});
