import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
// @ts-types="./kafkajs_produce.d.ts"
import produce from "kafkajs/src/protocol/requests/produce/v7/request.js";
import { crc32c } from "../../../../adapters/transports/kafka/crc32c.ts";
import { bodyOf, produceRequest } from "../../../../adapters/transports/kafka/produce_request.ts";
import type { NodeBytes } from "../../../../adapters/transports/kafka/kafkajs.d.ts";

const text = fc.string({ unit: "grapheme", maxLength: 300 });
const bytes = fc.uint8Array({ maxLength: 300 });
const records = fc.array(
  fc.record({
    key: bytes,
    value: bytes,
    headers: fc.dictionary(fc.string({ minLength: 1, maxLength: 20 }), fc.oneof(text, bytes), { maxKeys: 8 }),
  }),
  { minLength: 1, maxLength: 20 },
);
const batches = fc.array(
  fc.record({ partition: fc.nat(1_000), sequence: fc.nat(2 ** 31 - 1), records }),
  { minLength: 1, maxLength: 3 },
);

Deno.test("what is written to Kafka is, byte by byte, what kafkajs writes", async () => {
  await fc.assert(
    fc.asyncProperty(batches, fc.nat(), fc.nat(32_767), async (given, id, epoch) => {
      const atMs = 1_700_000_000_000;
      const own = bodyOf({
        producer: { id: String(id), epoch },
        topic: "pörts",
        timeoutMs: 8_000,
        batches: given.map((batch) => ({ ...batch, atMs })),
      });
      const theirs = await produce({
        acks: -1,
        timeout: 8_000,
        producerId: String(id),
        producerEpoch: epoch,
        topicData: [{
          topic: "pörts",
          partitions: given.map(({ partition, sequence, records }) => ({
            partition,
            firstSequence: sequence,
            messages: records.map(({ key, value, headers }) => ({
              key: Buffer.from(key),
              value: Buffer.from(value),
              timestamp: String(atMs),
              headers: Object.fromEntries(
                Object.entries(headers).map((
                  [name, of],
                ) => [name, typeof of === "string" ? of : Buffer.from(of)]),
              ),
            })),
          })),
        }],
      }).encode();
      assert.deepEqual(Array.from(own), Array.from(theirs.buffer));
    }),
    { numRuns: 100 },
  );
});

Deno.test("the checksum of records is CRC-32C", () => {
  assert.equal(crc32c(new TextEncoder().encode("123456789")), 0xe306_9283);
});

Deno.test("the first failure in an answer of Kafka is told by its name", async () => {
  const answer = (...codes: number[]) => {
    const view = new DataView(new ArrayBuffer(4 + 2 + 3 + 4 + 30 * codes.length + 4));
    view.setInt32(0, 1);
    view.setInt16(4, 3);
    view.setInt32(9, codes.length);
    for (const [index, code] of codes.entries()) {
      view.setInt32(13 + 30 * index, index);
      view.setInt16(17 + 30 * index, code);
    }
    view.setInt32(view.byteLength - 4, 70);
    return new Uint8Array(view.buffer);
  };
  const { response } = produceRequest(
    { producer: { id: "1", epoch: 0 }, topic: "abc", batches: [], timeoutMs: 1 },
    (of) => of as NodeBytes,
  );
  const decoded = await response.decode(answer(0, 0));
  assert.equal(decoded.clientSideThrottleTime, 70);
  await response.parse(decoded);
  await assert.rejects(response.parse({ raw: answer(0, 10, 29) }), {
    code: "MESSAGE_TOO_LARGE",
    message: "Kafka does not write to partition 1 of abc: MESSAGE_TOO_LARGE",
  });
  await assert.rejects(response.parse({ raw: answer(999) }), { code: "ERROR_999" });
});
