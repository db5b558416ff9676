import assert from "node:assert/strict";
import { murmur2, partitionOf } from "../../../../adapters/transports/kafka/partitions.ts";

Deno.test("the hash of a key is that of Kafka's own clients", () => {
  // From `UtilsTest` of Apache Kafka.
  const known: readonly [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [text, hash] of known) assert.equal(murmur2(new TextEncoder().encode(text)), hash, text);
});

Deno.test("each key has a partition, and all partitions have keys", () => {
  const found = new Set<number>();
  for (let number = 0; number < 200; number++) {
    const partition = partitionOf(new TextEncoder().encode(`key ${number}`), 7);
    assert.ok(partition >= 0 && partition < 7);
    found.add(partition);
  }
  assert.equal(found.size, 7);
  assert.equal(partitionOf(new Uint8Array(), 1), 0);
});
