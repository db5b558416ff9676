import assert from "node:assert/strict";
import { mayHide, type RecordHead, turnsBefore } from "../../../../runtime/durable/rows/actor_record.ts";

/** The record after turns of these instances in sequence. */
function after(...instances: string[]): RecordHead {
  return instances.reduce<RecordHead>((head, instance, index) => {
    const before = turnsBefore(head, instance);
    return { turn: `${instance}-${index}`, before, clock: 0 };
  }, { turn: "", clock: 0 });
}

Deno.test("a record names the latest turn of each of the last four instances", () => {
  assert.deepEqual(after("a", "a", "a"), { turn: "a-2", before: undefined, clock: 0 });
  assert.deepEqual(after("a", "b", "b", "a").before, ["b-2"]);
  assert.deepEqual(after("a", "b", "c", "d", "e").before, ["d-3", "c-2", "b-1"]);
  assert.deepEqual(after("a", "b", "c", "d", "b").before, ["d-3", "c-2", "a-0"]);
  assert.deepEqual(after("ab", "a").before, ["ab-0"]); // no name is mistaken for a prefix of another
});

Deno.test("a record may hide a turn only if four other instances followed it", () => {
  const began = after("a");
  assert.equal(mayHide(after("a", "b", "c", "d"), "x", began), false); // it is still named
  assert.equal(mayHide(after("a", "b", "c"), "x", after("x")), false); // there were fewer than that
  assert.equal(mayHide(after("a", "b", "c", "d", "e"), "x", began), true);
  assert.equal(mayHide(after("x", "b", "c", "d"), "x", began), false); // its own last turn is a different one
  // the first of them is no longer named
  assert.equal(mayHide(after("a", "b", "a", "c", "d"), "x", began), true);
});
