import assert from "node:assert/strict";
import fc from "fast-check";
import { type Held, Shares } from "../../../runtime/base/shares.ts";

/** The entries evicted by each of these, in order. */
function letGo(
  bound: number,
  ...added: readonly (readonly [owner: string, item: string, size?: number])[]
): string[] {
  const shares = new Shares<string>(bound);
  const gone: string[] = [];
  for (const [owner, item, size = 1] of added) {
    shares.add(owner.split("/"), item, size, (item) => void gone.push(item));
  }
  return gone;
}

Deno.test("Shares evict the oldest item of the owner that holds the most", () => {
  assert.deepEqual(letGo(3, ["a", "a1"], ["b", "b1"], ["b", "b2"], ["b", "b3"], ["b", "b4"]), ["b1", "b2"]);
  assert.deepEqual(letGo(3, ["b", "b1"], ["b", "b2"], ["b", "b3"], ["a", "a1"], ["a", "a2"]), ["b1", "b2"]);
});

Deno.test("Shares evict the oldest item of all if no owner holds more than the others", () => {
  assert.deepEqual(letGo(2, ["a", "a1"], ["b", "b1"], ["c", "c1"], ["d", "d1"]), ["a1", "b1"]);
});

Deno.test("Shares evict from the first name that has the most, however many second names it has", () => {
  const flood = Array.from({ length: 50 }, (_, index) => [`x/${index}`, `x${index}`] as const);
  const gone = letGo(10, ["y/ada", "y1"], ["y/bob", "y2"], ...flood);
  assert.deepEqual(gone, flood.slice(0, 42).map(([, item]) => item));
});

Deno.test("Shares count sizes, and an item larger than the bound is evicted at once", () => {
  assert.deepEqual(letGo(10, ["a", "a1", 2], ["b", "b1", 4], ["b", "b2", 4], ["b", "b3", 1]), ["b1"]);
  assert.deepEqual(letGo(10, ["a", "a1", 2], ["b", "b1", 11]), ["b1"]);
  assert.deepEqual(letGo(10, ["a", "a1", 0], ["b", "b1", 10], ["b", "b2", 0]), []);
});

Deno.test("Shares release what is held once, and then there is room again", () => {
  const shares = new Shares<string>(2);
  const gone: string[] = [];
  const add = (owner: string, item: string) => shares.add([owner], item, 1, (item) => void gone.push(item));
  const first = add("a", "a1");
  add("a", "a2");
  first.release();
  first.release();
  assert.equal(shares.size, 1);
  const third = add("b", "b1");
  assert.deepEqual(gone, []);
  add("b", "b2");
  assert.deepEqual([gone, shares.size], [["b1"], 2]);
  third.release(); // it has already been evicted
  assert.equal(shares.size, 2);
});

const step = fc.record({
  owner: fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom("1", "2")),
  size: fc.integer({ min: 0, max: 9 }),
  releases: fc.option(fc.nat(20), { nil: undefined }),
});

Deno.test("Shares hold what a naive model holds, whatever is added and removed", () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.array(step, { maxLength: 80 }), (bound, steps) => {
      const shares = new Shares<number>(bound);
      const held = new Map<
        number,
        { readonly owner: readonly string[]; readonly size: number; place: Held }
      >();
      const sizeOf = (...path: readonly string[]) =>
        held.values().filter(({ owner }) => path.every((name, index) => owner[index] === name))
          .reduce((sum, { size }) => sum + size, 0);
      for (const [index, { owner, size, releases }] of steps.entries()) {
        const gone: number[] = [];
        const place = shares.add(owner, index, size, (item) => void gone.push(item));
        held.set(index, { owner, size, place });
        for (const item of gone) {
          const [first, second] = held.get(item)!.owner;
          for (const other of ["a", "b", "c"]) assert.ok(sizeOf(first) >= sizeOf(other));
          for (const other of ["1", "2"]) assert.ok(sizeOf(first, second) >= sizeOf(first, other));
          const oldest = held.entries().find(([, { owner }]) => owner[0] === first && owner[1] === second)!;
          assert.equal(item, oldest[0]);
          assert.ok(sizeOf() > bound);
          held.delete(item);
        }
        assert.ok(sizeOf() <= bound);
        assert.equal(shares.size, sizeOf());
        if (releases === undefined) continue;
        held.get(releases)?.place.release();
        held.delete(releases);
        assert.equal(shares.size, sizeOf());
      }
    }),
  ));
