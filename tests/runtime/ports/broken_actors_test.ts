import assert from "node:assert/strict";
import { BrokenActors } from "../../../runtime/ports/broken_actors.ts";
import { oddThings } from "../odd_things.ts";

Deno.test("BrokenActors knows an actor until its state was made", () => {
  const broken = new BrokenActors();
  const ada = { protocol: "order", key: "ada" };
  broken.add(ada, new Error("no"));
  broken.add(ada, new Error("still no"));
  assert.deepEqual(broken.list(), [{ ...ada, reason: "still no" }]);
  broken.remove(ada);
  broken.remove(ada);
  assert.deepEqual(broken.list(), []);
});

Deno.test("BrokenActors knows the latest 20, and so much of what they say", () => {
  const broken = new BrokenActors();
  for (let n = 0; n < 100; n++) {
    broken.add({ protocol: "order", key: `k${n}` }, new Error("x".repeat(10_000)));
  }
  assert.equal(broken.list().length, 20);
  assert.deepEqual([broken.list()[0].key, broken.list()[19].key], ["k80", "k99"]);
  assert.equal(broken.list()[0].reason.length, 400);
  for (const [, make] of oddThings) broken.add({ protocol: "order", key: "odd" }, make());
});
