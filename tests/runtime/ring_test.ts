import assert from "node:assert/strict";
import { Ring } from "../../runtime/ring.ts";
import { drain, routeOf, takeFrom } from "./mail.ts";

/** The largest ring, in messages; what comes behind it lies in chunks. */
const ringMax = 1_024;

function ringOf(count: number): Ring {
  const ring = new Ring();
  for (let value = 0; value < count; value++) ring.push(routeOf(value), value);
  return ring;
}

function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count - from }, (_, index) => from + index);
}

/** Every place of a ring and of the chunks behind it. */
function placesOf(ring: Ring): unknown[] {
  interface Chunk {
    readonly slots: readonly unknown[];
    readonly next: Chunk | undefined;
  }
  const { slots, chunk } = ring as unknown as Chunk & { readonly chunk: Chunk | undefined };
  const places = [...slots];
  for (let next = chunk; next !== undefined; next = next.next) places.push(...next.slots);
  return places;
}

for (const count of [1, 8, 9, ringMax - 1, ringMax, ringMax + 1, 2 * ringMax, 2 * ringMax + 1, 10_000]) {
  Deno.test(`Ring gives ${count} messages back in the order in which they came`, () => {
    const ring = ringOf(count);
    assert.equal(ring.length, count);
    assert.deepEqual(drain(ring), upTo(count));
    assert.deepEqual([ring.empty, ring.length], [true, 0]);
  });
}

Deno.test("Ring takes messages behind those in chunks, whatever room there is in the ring by then", () => {
  const ring = ringOf(ringMax + 1);
  assert.deepEqual(upTo(ringMax - 1).map(() => takeFrom(ring)), upTo(ringMax - 1));
  for (const value of upTo(5_000, ringMax + 1)) ring.push(routeOf(value), value);
  assert.deepEqual(drain(ring), upTo(5_000, ringMax - 1));
});

Deno.test("Ring takes a message back in front when it is full and others wait in chunks behind it", () => {
  const ring = ringOf(3 * ringMax);
  for (const value of [-1, -2, -3]) ring.unshift(routeOf(value), value);
  assert.equal(ring.length, 3 * ringMax + 3);
  ring.push(routeOf(9_999), 9_999);
  assert.deepEqual(drain(ring), [-3, -2, -1, ...upTo(3 * ringMax), 9_999]);
});

Deno.test("Ring takes a message back in front of a chunk that has become the ring", () => {
  const ring = ringOf(2 * ringMax + 10);
  for (const _ of upTo(ringMax)) takeFrom(ring);
  for (const value of [-1, -2]) ring.unshift(routeOf(value), value);
  assert.deepEqual(drain(ring), [-2, -1, ...upTo(2 * ringMax + 10, ringMax)]);
});

Deno.test("Ring goes on where its counters of places wrap around", () => {
  for (const begin of [2 ** 31 - 2, 2 ** 31 - 10, -2, 0]) {
    const ring = new Ring();
    Object.assign(ring, { head: begin | 0, tail: begin | 0 });
    for (const value of upTo(5)) ring.push(routeOf(value), value);
    ring.unshift(routeOf(-1), -1);
    assert.equal(ring.length, 6);
    assert.deepEqual(drain(ring), [-1, ...upTo(5)], `from ${begin}`);
    ring.unshift(routeOf(7), 7); // an empty ring too
    assert.deepEqual(drain(ring), [7]);
  }
});

Deno.test("Ring keeps nothing of what was taken out, and frees a chunk with its last message", () => {
  const ring = ringOf(5 * ringMax);
  const places = placesOf(ring).length;
  for (const _ of upTo(4 * ringMax)) takeFrom(ring);
  assert(placesOf(ring).length <= places / 4);
  drain(ring);
  assert(placesOf(ring).every((place) => place === undefined));
});

Deno.test("Ring never copies a flood, so that its last message costs what its first did", () => {
  const ring = ringOf(ringMax);
  const before = (ring as unknown as { readonly slots: unknown[] }).slots;
  for (const value of upTo(100_000, ringMax)) ring.push(routeOf(value), value);
  assert.equal((ring as unknown as { readonly slots: unknown[] }).slots, before);
  assert.equal(ring.length, 100_000);
});
