import assert from "node:assert/strict";
import { fetchedOf } from "../../../../adapters/transports/kafka/kafkajs_fetch.ts";

const abort = Uint8Array.from([0, 0, 0, 0]);
const commit = Uint8Array.from([0, 0, 0, 1]);

function message(offset: number, more: object = {}) {
  return { offset: String(offset), key: null, value: new Uint8Array([offset]), ...more };
}

const by = (producerId: string) => ({ batchContext: { producerId, inTransaction: true } });

Deno.test("records before the offset that was asked for are left out, and empty ones move it on", () => {
  const found = { partition: 0, highWatermark: "9", messages: [message(3), message(4), message(5)] };
  const { records, next } = fetchedOf(found, 4);
  assert.deepEqual(records.map(({ offset }) => offset), [4, 5]);
  assert.equal(next, 6);
  assert.equal(fetchedOf({ partition: 0, highWatermark: "9", messages: [] }, 4).next, 4);
});

Deno.test("what was aborted is left out, also if others write between it, and their next transaction is read", () => {
  const messages = [
    message(0, by("1")),
    message(1, by("2")),
    message(2, { ...by("1"), isControlRecord: true, key: abort }),
    message(3, by("1")),
    message(4, { ...by("2"), isControlRecord: true, key: commit }),
    message(5),
  ];
  const abortedTransactions = [{ producerId: "1", firstOffset: "0" }];
  const { records, next } = fetchedOf({ partition: 0, highWatermark: "6", messages, abortedTransactions }, 0);
  assert.deepEqual(records.map(({ offset }) => offset), [1, 3, 5]);
  assert.equal(next, 6);
});

Deno.test("a header that occurs more than once is read as often", () => {
  const headers = { a: [new Uint8Array([1]), new Uint8Array([2])], b: null };
  const { records } = fetchedOf({ partition: 0, highWatermark: "1", messages: [message(0, { headers })] }, 0);
  assert.deepEqual(records[0].headers.map(([name, value]) => [name, [...value]]), [["a", [1]], ["a", [2]], [
    "b",
    [],
  ]]);
});
