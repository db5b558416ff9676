import assert from "node:assert/strict";
import { actor, ask, PosthornError, protocol, type Ref, tell, unchecked } from "@posthorn/posthorn";
import fc from "fast-check";
import { World } from "./memory_world.ts";

const Echo = protocol("echo", {
  key: ask(unchecked<string>()),
  other: ask(unchecked<string>(), unchecked<string>()),
});
const echo = actor(Echo, {
  state: () => null,
  on: { key: (ctx) => ctx.key, other: (ctx, key) => ctx.ref(Echo, key).key },
});

const invalidKey = (why: string) => (error: unknown) => {
  assert.ok(error instanceof PosthornError, String(error));
  assert.equal(error.message, `Cannot name an actor of echo by this key: ${why}`);
  return error.code === "invalid-key";
};

/** A refused key, and the reason. */
const refused: readonly (readonly [key: string, why: string])[] = [
  ["", "it is empty"],
  [".", "it is a relative path"],
  ["..", "it is a relative path"],
  ["a\u0000b", "it has a control character"],
  ["a\nb", "it has a control character"],
  ["\u007f", "it has a control character"],
  ["\u0085", "it has a control character"],
  ["\ud800", "it is no well-formed text"],
  ["a\udc00b", "it is no well-formed text"],
  ["x".repeat(513), "it takes 513 of 512 bytes"],
  ["ä".repeat(257), "it takes 514 of 512 bytes"],
  ["€".repeat(171), "it takes 513 of 512 bytes"],
  ["😀".repeat(129), "it takes 516 of 512 bytes"],
];

Deno.test("a key is 1 to 512 bytes without control characters, and no relative path", async () => {
  await using world = new World([echo]);
  for (const [key, why] of refused) {
    assert.throws(() => world.system.ref(Echo, key), invalidKey(why), JSON.stringify(key));
  }
  assert.throws(() => world.system.ref(Echo, 5 as never), invalidKey("it is no text, but of type number"));
  for (
    const key of [
      "x".repeat(512),
      "ä".repeat(256),
      "😀".repeat(128),
      "...",
      ".a",
      "a/b",
      " ",
      "~",
      "%2F",
      "__proto__",
    ]
  ) {
    assert.equal(await world.system.ref(Echo, key).ask(Echo.key), key);
  }
});

Deno.test("a turn refuses the same keys", async () => {
  await using world = new World([echo]);
  for (const [key, why] of refused) {
    const asked = world.system.ref(Echo, "a").ask(Echo.other, key);
    await assert.rejects(asked, (error: unknown) => invalidKey(why)((error as Error).cause));
  }
});

Deno.test("any other text is a key of its own", async () => {
  const key = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 }).filter((text) =>
    !/\p{Cc}/u.test(text) && text !== "." && text !== ".."
  );
  await using world = new World([echo]);
  await fc.assert(fc.asyncProperty(key, async (key) => {
    assert.equal(await world.system.ref(Echo, key).ask(Echo.key), key);
  }));
});

Deno.test("a ref costs no actor, and two of the same key are the same actor", async () => {
  const Counter = protocol("counter", { up: tell(), read: ask(unchecked<number>()) });
  const counter = actor(Counter, {
    state: () => 0,
    on: {
      up: (ctx) => {
        ctx.state++;
      },
      read: (ctx) => ctx.state,
    },
    idleMs: 1_000,
  });
  await using world = new World([counter]);
  const one: Ref<"counter"> = world.system.ref(Counter, "main");
  const two = world.system.ref(Counter, "main");
  assert.deepEqual([one.protocol, one.key, world.population], ["counter", "main", {}]);
  await one.tell(Counter.up);
  await two.tell(Counter.up);
  assert.equal(await one.ask(Counter.read), 2);
  await world.clock.advance(10_000); // it has left memory, and the ref is still valid
  assert.equal(await two.ask(Counter.read), 2);
  assert.equal(await world.system.ref(Counter, "other").ask(Counter.read), 0);
});

Deno.test("an address is plain data", async () => {
  await using world = new World([echo]);
  const address = world.system.ref(Echo, "main").at(Echo.key);
  assert.deepEqual(address, { protocol: "echo", key: "main", operation: "key" });
  assert.deepEqual(structuredClone(address), address);
});
