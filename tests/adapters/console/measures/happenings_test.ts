import assert from "node:assert/strict";
import { type Happening, Happenings } from "../../../../adapters/console/measures/happenings.ts";

function happening(id: string, given: Partial<Happening> = {}): Happening {
  return {
    atMs: 0,
    type: "accepted",
    protocol: "order",
    key: "ada",
    operation: "add",
    id,
    correlationId: id,
    ...given,
  };
}

Deno.test("a story is a message and all that it led to, in the order in which it was seen", () => {
  const happenings = new Happenings();
  const chain = { correlationId: "one" };
  for (
    const one of [
      happening("one"),
      happening("other"),
      happening("one", { type: "started" }),
      happening("two", { ...chain, causationId: "one", key: "bob" }),
      happening("one", { type: "done" }),
      happening("three", { ...chain, causationId: "two", key: "eve" }),
      happening("two", { ...chain, type: "done", causationId: "one", key: "bob" }),
    ]
  ) happenings.add(one);
  for (const id of ["one", "two", "three"]) {
    const story = happenings.story(id);
    assert.deepEqual(story.map(({ id, depth }) => [id, depth]), [["one", 0], ["two", 1], ["three", 2]]);
    assert.deepEqual(story[0].happenings.map(({ type }) => type), ["accepted", "started", "done"]);
  }
  assert.deepEqual(happenings.story("other").map(({ id }) => id), ["other"]);
  assert.deepEqual(happenings.story("unknown"), []);
});

Deno.test("what is published has one id for all subscribers, and each is a step of its own", () => {
  const happenings = new Happenings();
  for (const key of ["a", "b"]) happenings.add(happening("one", { key }));
  assert.deepEqual(happenings.story("one").map(({ key }) => key), ["a", "b"]);
});

Deno.test("a dead letter belongs to the story of its message, though it does not say the chain", () => {
  const happenings = new Happenings();
  happenings.add(happening("two", { correlationId: "one", causationId: "one" }));
  happenings.add(happening("two", { type: "dead", correlationId: undefined }));
  assert.deepEqual(happenings.story("two")[0].happenings.map(({ type }) => type), ["accepted", "dead"]);
  assert.deepEqual(happenings.story("one")[0].happenings.map(({ type }) => type), ["accepted", "dead"]);
});

Deno.test("only the latest events are kept", () => {
  const happenings = new Happenings();
  for (let id = 0; id < 10_000; id++) happenings.add(happening(String(id)));
  const kept = happenings.latest(100_000);
  assert.ok(kept.length >= 2_000 && kept.length <= 4_000, String(kept.length));
  assert.equal(kept[0].id, "9999");
  assert.equal(happenings.latest(3).length, 3);
});
