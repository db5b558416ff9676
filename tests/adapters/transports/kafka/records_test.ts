import assert from "node:assert/strict";
import fc from "fast-check";
import type { Parcel } from "@posthorn/posthorn/transport";
import { addressOf, Names } from "../../../../adapters/transports/kafka/names.ts";
import { deliveryOf, recordOf } from "../../../../adapters/transports/kafka/records.ts";
import type { KafkaRecord, ReadRecord } from "../../../../adapters/transports/kafka/link.ts";

const names = new Names("test", "billing", "billing-1");
const inbox = names.reading({ kind: "inbox", protocol: "order", operations: [] });
const encoder = new TextEncoder();

function read({ key, value, headers }: KafkaRecord): ReadRecord {
  const read = Object.entries(headers).map(([name, of]) =>
    [name, typeof of === "string" ? encoder.encode(of) : of] as const
  );
  return { offset: 7, key, value, headers: read };
}

function headersOf(headers: Readonly<Record<string, string | Uint8Array>>, key?: string): ReadRecord {
  const keyBytes = key === undefined ? undefined : encoder.encode(key);
  return { ...read({ key: new Uint8Array(), value: new Uint8Array(), headers }), key: keyBytes };
}

function parcel(more: Partial<Parcel> = {}): Parcel {
  return {
    to: { kind: "inbox", protocol: "order", key: "ada", operation: { name: "add", mode: "tell" } },
    id: "m-1",
    body: encoder.encode("1"),
    headers: {},
    ...more,
  };
}

function record(of: Parcel): KafkaRecord {
  return recordOf(of, names.target(of.to)!, names);
}

Deno.test("what a parcel has, its delivery has", () => {
  const visible = fc.string({
    unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)),
  });
  fc.assert(fc.property(fc.string(), visible, visible, fc.uint8Array(), (key, correlationId, value, body) => {
    const sent = parcel({
      to: { kind: "inbox", protocol: "order", key, operation: { name: "add", mode: "submit" } },
      body,
      headers: { "x-note": value },
      contentType: "application/json",
      replyTo: { kind: "inbox", protocol: "cart", key },
      correlationId: correlationId.replace(/^base64:/, ""),
      expiresAtMs: 1234,
    });
    const got = deliveryOf(read(record(sent)), inbox)!;
    const expected = [sent.id, "add", value, sent.correlationId, 1234, 7];
    assert.deepEqual(
      [got.id, got.operation, got.headers["x-note"], got.correlationId, got.expiresAtMs, got.position],
      expected,
    );
    assert.equal(got.key, new TextDecoder().decode(encoder.encode(key)));
    assert.deepEqual([...got.body], [...body]);
    assert.deepEqual(names.target({ kind: "reply", address: got.replyTo! }), {
      topic: "test.cart",
      partition: undefined,
      process: undefined,
      key: got.key,
    });
  }));
});

Deno.test("any bytes of a correlation id come back as they were", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    const got = deliveryOf(headersOf({ "kafka_correlationId": bytes, "reply-topic": "mine" }), inbox)!;
    const to = { kind: "reply", address: got.replyTo! } as const;
    const { headers } = record(parcel({ to, correlationId: got.correlationId }));
    for (const name of ["correlation-id", "kafka_correlationId"]) {
      const sent = headers[name];
      assert.deepEqual([...typeof sent === "string" ? encoder.encode(sent) : sent], [...bytes]);
    }
  }));
});

Deno.test("a reply to a process is for that process alone, and has what its request had", () => {
  const request = record(parcel({ replyTo: { kind: "process" }, correlationId: "c" }));
  assert.equal(request.headers["correlation-id"], "billing-1~c");
  const asked = deliveryOf(read(request), inbox)!;
  assert.equal(asked.correlationId, "c");
  const other = new Names("test", "order", "order-1");
  const answer = parcel({ to: { kind: "reply", address: asked.replyTo! }, correlationId: "c" });
  const answered = recordOf(answer, other.target(answer.to)!, other);
  assert.equal(deliveryOf(read(answered), names.reading({ kind: "process" }))?.correlationId, "c");
  const second = new Names("test", "billing", "billing-2");
  assert.equal(deliveryOf(read(answered), second.reading({ kind: "process" })), undefined);
  // A stranger copies the correlation id and nothing else.
  const stranger = headersOf({ "correlation-id": "billing-1~c" });
  assert.equal(deliveryOf(stranger, names.reading({ kind: "process" }))?.correlationId, "c");
});

Deno.test("the headers of Spring and of NestJS are understood", () => {
  const partitionOf = (value: string | Uint8Array) => {
    const got = deliveryOf(headersOf({ "kafka_replyTopic": "mine", "kafka_replyPartition": value }), inbox)!;
    return names.target({ kind: "reply", address: got.replyTo! })!.partition;
  };
  assert.equal(partitionOf("0"), 0);
  assert.equal(partitionOf("1234"), 1234); // four bytes, and digits
  assert.equal(partitionOf(Uint8Array.from([0, 0, 1, 2])), 258);
  assert.equal(partitionOf(Uint8Array.from([255, 255, 255, 255])), undefined);
  assert.equal(partitionOf("x"), undefined);
  const failed = deliveryOf(
    headersOf({ "kafka_correlationId": "c", "kafka_nest-err": "no such order" }),
    inbox,
  )!;
  assert.equal(failed.contentType, "application/problem+json");
  assert.deepEqual(JSON.parse(new TextDecoder().decode(failed.body)), { detail: "no such order" });
  assert.equal(
    deliveryOf(headersOf({ "kafka_correlationId": "c", "kafka_nest-is-disposed": "" }), inbox),
    undefined,
  );
});

Deno.test("a forged header of the adapter is no header of the message, and a strange one does no harm", () => {
  const got = deliveryOf(
    headersOf({
      ID: "m",
      "Operation": "add",
      "reply-topic": "__consumer_offsets",
      "kafka_replyPartition": new Uint8Array([1]),
      "posthorn-deadline": "soon",
      "posthorn-process": "x",
      "__proto__": "p",
      "constructor": "c",
    }, "ada"),
    inbox,
  )!;
  assert.deepEqual([got.id, got.operation, got.expiresAtMs], ["m", "add", undefined]);
  assert.equal(names.target({ kind: "reply", address: got.replyTo! }), undefined);
  assert.ok(!("operation" in got.headers) && !("reply-topic" in got.headers));
  assert.equal(Object.getPrototypeOf(got.headers), Object.prototype);
});

Deno.test("an address that is no topic of users has no target", () => {
  fc.assert(fc.property(fc.string(), (address) => {
    const target = names.target({ kind: "reply", address });
    if (target === undefined) return;
    assert.match(target.topic, /^[A-Za-z0-9._-]{1,249}$/);
    assert.doesNotMatch(target.topic, /^(__.*|\.{1,2})$/);
    assert.equal(addressOf(target), address.replace(/#0+(?=\d)/, "#"));
  }));
  for (const address of ["", ".", "..", "__transaction_state", "a b", "../x"]) {
    assert.equal(names.target({ kind: "reply", address })?.topic, undefined, address);
  }
});

Deno.test("an event that has the name of another topic is refused", () => {
  assert.throws(
    () => names.reading({ kind: "event", protocol: "order", event: "dead", mode: "event" }),
    TypeError,
  );
});
