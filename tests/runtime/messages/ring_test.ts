import assert from "node:assert/strict";
import fc from "fast-check";
import { Ring } from "../../../runtime/messages/ring.ts";
import { drain, routeOf, takeFrom } from "./mail.ts";

/** The capacity of the largest chunk, in messages. */
const chunkMax = 1_024;

function ringOf(count: number): Ring {
  const ring = new Ring();
  for (let value = 0; value < count; value++) ring.push(routeOf(value), value);
  return ring;
}

function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count - from }, (_, index) => from + index);
}

/** Its chunks, the oldest first. The last slot of each links to the next. */
function chunksOf(ring: Ring): unknown[][] {
  const { slots } = ring as unknown as { readonly slots: unknown[] };
  const chunks = [slots];
  for (let next = slots.at(-1); Array.isArray(next); next = next.at(-1)) chunks.push(next);
  return chunks;
}

/** All slots for messages. */
function placesOf(ring: Ring): unknown[] {
  return chunksOf(ring).flatMap((chunk) => chunk.slice(0, -1));
}

const count = fc.oneof(fc.nat(40), fc.nat(3 * chunkMax), fc.constantFrom(4, 12, 28, chunkMax, 2 * chunkMax));

Deno.test("Ring gives so many messages back in the order in which they came, and is empty then", () => {
  fc.assert(
    fc.property(count, (count) => {
      const ring = ringOf(count);
      assert.equal(ring.length, count);
      assert.deepEqual(drain(ring), upTo(count));
      assert.deepEqual([ring.empty, ring.length, placesOf(ring)], [true, 0, []]);
    }),
    { seed: 1, numRuns: 60 },
  );
});

Deno.test("Ring takes messages back in front of the others, however many were taken and wait", () => {
  fc.assert(
    fc.property(count, count, fc.nat(30), (count, taken, back) => {
      const ring = ringOf(count);
      const left = upTo(count).slice(Math.min(taken, count));
      for (const _ of upTo(count - left.length)) takeFrom(ring);
      for (const value of upTo(back)) ring.unshift(routeOf(-value), -value);
      ring.push(routeOf(9_999), 9_999);
      assert.equal(ring.length, back + left.length + 1);
      assert.deepEqual(drain(ring), [...upTo(back).map((value) => -value).reverse(), ...left, 9_999]);
    }),
    { seed: 2, numRuns: 100 },
  );
});

Deno.test("Ring keeps nothing of what was taken out, and lets a chunk go with its last message", () => {
  fc.assert(
    fc.property(count, count, (count, taken) => {
      const ring = ringOf(count);
      for (const _ of upTo(Math.min(taken, count))) takeFrom(ring);
      const kept = placesOf(ring).filter((place) => place !== undefined);
      assert.equal(kept.length, 2 * ring.length);
      assert(
        placesOf(ring).length <= 2 * (ring.length + 2 * chunkMax),
        "it has more than two chunks too many",
      );
    }),
    { seed: 3, numRuns: 60 },
  );
});

Deno.test("Ring has at most twice the room that it needs while it grows, and no message is ever copied", () => {
  fc.assert(
    fc.property(count, (count) => {
      const ring = new Ring();
      const chunks: unknown[][] = [];
      for (const value of upTo(count)) {
        ring.push(routeOf(value), value);
        const last = chunksOf(ring).at(-1)!;
        if (last !== chunks.at(-1)) chunks.push(last);
      }
      assert.deepEqual(chunksOf(ring).length, Math.max(chunks.length, 1));
      assert(chunks.every((chunk, index) => chunksOf(ring)[index] === chunk));
      assert(placesOf(ring).length <= Math.max(2 * 2 * count, 8));
    }),
    { seed: 4, numRuns: 12 },
  );
});
