import assert from "node:assert/strict";
import {
  actor,
  type Address,
  ask,
  event,
  protocol,
  submit,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { givenAddress } from "../../../runtime/language/given_address.ts";
import { inEach } from "../durable/worlds.ts";

const good: Address = { protocol: "clerk", key: "ada", operation: "got" };

const bad: readonly (readonly [name: string, make: () => unknown])[] = [
  ["null", () => null],
  ["a number", () => 5],
  ["an empty object", () => ({})],
  ["a revoked Proxy", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }],
  ["an operation that cannot be read", () =>
    Object.defineProperty({ ...good }, "operation", {
      get() {
        throw new Error("no");
      },
    })],
  ["no key", () => ({ ...good, key: undefined })],
  ["an empty key", () => ({ ...good, key: "" })],
  ["a key that is a number", () => ({ ...good, key: 5 })],
  ["a key that is a symbol", () => ({ ...good, key: Symbol("odd") })],
  ["a key with what separates the parts of a store's keys", () => ({ ...good, key: "ada\u001fbob" })],
  ["a key that is too long", () => ({ ...good, key: "k".repeat(513) })],
  ["a key with half of a surrogate", () => ({ ...good, key: "\ud800" })],
  ["a key that is a path", () => ({ ...good, key: ".." })],
  ["an operation that is a number", () => ({ ...good, operation: 5 })],
  ["an operation that is no name", () => ({ ...good, operation: "__proto__" })],
  [
    "a protocol with what separates the parts of a store's keys",
    () => ({ ...good, protocol: "clerk\u001fx" }),
  ],
  [
    "a protocol of the runtime's own",
    () => ({ protocol: "~topic", key: "clerk.told", operation: "publish" }),
  ],
];

for (const [name, make] of bad) {
  Deno.test(`${name} makes no address`, () => {
    assert.throws(() => givenAddress(make() as Address), { code: "invalid-address" });
  });
}

Deno.test("an address is copied, without what else was in it", () => {
  assert.deepEqual(givenAddress({ ...good, more: () => {} } as Address), good);
  assert.deepEqual(givenAddress({ ...good, key: "😀".repeat(128) }), { ...good, key: "😀".repeat(128) });
});

const ways = ["replyTo", "failTo", "schedule", "subscribe", "unsubscribe"] as const;
const Clerk = protocol("clerk", {
  work: submit(unchecked<null>(), unchecked<number>()),
  use: ask(unchecked<{ readonly way: typeof ways[number]; readonly index: number }>(), unchecked<string>()),
  got: tell(unchecked<unknown>()),
  told: event(unchecked<null>()),
});

/** Its `use` uses an address and returns the outcome; then the turn continues. */
const clerk = actor(Clerk, {
  state: () => null,
  on: {
    work: () => 1,
    use(ctx, { way, index }) {
      const address = bad[index][1]() as Address<unknown>;
      try {
        if (way === "replyTo") ctx.self.submit(Clerk.work, null, { replyTo: address });
        else if (way === "failTo") ctx.self.submit(Clerk.work, null, { failTo: address });
        else if (way === "schedule") ctx.schedule("later", { afterMs: 1 }, address, null);
        else ctx[way](Clerk.told, address);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return "done";
    },
    got() {},
  },
});

function used(system: System, way: "replyTo" | "failTo" | "subscribe", address: Address<unknown>) {
  const ada = system.ref(Clerk, "ada");
  if (way !== "subscribe") return ada.submit(Clerk.work, null, { [way]: address });
  return (async () => await system.subscribe(Clerk.told, address).ready)();
}

inEach(
  "what is no address is refused where it is given, and stops nobody",
  async (world) => {
    const system = await world.start([clerk]);
    for (const [index, [name, make]] of bad.entries()) {
      for (const way of ["replyTo", "failTo", "subscribe"] as const) {
        const address = make() as Address<unknown>;
        await assert.rejects(used(system, way, address), { code: "invalid-address" }, `${way} ${name}`);
      }
      for (const way of ways) {
        const said = system.ref(Clerk, "ada").ask(Clerk.use, { way, index });
        await world.settle();
        assert.equal(await said, "invalid-address", `${way} ${name}`);
      }
    }
    await world.pass(1_000);
    assert.equal(system.deadLetters.total, 0);
  },
);
