import assert from "node:assert/strict";
import fc from "fast-check";
import { comparePlaces, type Direction, type Listing, pageOf } from "../../../runtime/observation/listing.ts";
import { Selection } from "../../../runtime/observation/selection.ts";

const places = fc.uniqueArray(fc.string({ unit: "grapheme", maxLength: 3 }), { maxLength: 30 });

/** What a source has behind a place, of which it looks at a few at a time. */
async function listed(
  all: readonly string[],
  after: string | undefined,
  limit: number,
  direction: Direction,
): Promise<Listing<string>> {
  const selection = new Selection<string>({ after, limit }, direction);
  for (const place of all) selection.add(place, place);
  return await selection.listing((place) => place);
}

Deno.test("pages of several sources give every item once, in one order, up or down", async () => {
  const directions = fc.constantFrom<Direction>("up", "down");
  await fc.assert(
    fc.asyncProperty(
      places,
      places,
      fc.integer({ min: 1, max: 5 }),
      directions,
      async (a, b, limit, direction) => {
        const found: string[] = [];
        let after: string | undefined;
        for (;;) {
          const listings = [
            await listed(a, after, limit, direction),
            await listed(b, after, limit, direction),
          ];
          const { items, next } = pageOf(listings, limit, direction);
          assert.ok(items.length <= limit);
          found.push(...items);
          if (next === undefined) break;
          after = next;
        }
        const all = [...new Set([...a, ...b])].sort((one, other) => comparePlaces(one, other, direction));
        assert.deepEqual(found, all);
      },
    ),
  );
});

Deno.test("a page ends where one of its sources has stopped looking", () => {
  const found = (...names: readonly string[]) => names.map((at) => ({ at, item: at }));
  const page = pageOf([{ found: found("a", "d"), upTo: "b" }, { found: found("b", "c"), unreadable: 2 }], 10);
  assert.deepEqual(page, { items: ["a", "b"], next: "b", unreadable: 2 });
});
