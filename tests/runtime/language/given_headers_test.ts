import assert from "node:assert/strict";
import {
  actor,
  ask,
  event,
  PosthornError,
  protocol,
  type SendOptions,
  submit,
  survey,
  type System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { givenHeaders, mergedHeaders } from "../../../runtime/language/given_headers.ts";
import { inEach } from "../durable/worlds.ts";

type Headers = NonNullable<SendOptions["headers"]>;

const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`h${i}`, ""]));

const bad: readonly (readonly [name: string, make: () => unknown, code?: string])[] = [
  ["a number", () => 0],
  ["a text", () => ""],
  ["a function", () => () => {}],
  ["an array", () => ["a"]],
  ["a map", () => new Map([["a", "b"]])],
  ["what fetch calls headers", () => new globalThis.Headers({ a: "b" })],
  ["a big integer", () => ({ a: 5n })],
  ["a number in it", () => ({ a: 5 })],
  ["a symbol in it", () => ({ a: Symbol("odd") })],
  ["nothing in it", () => ({ a: undefined })],
  ["an object in it", () => ({ a: { b: "c" } })],
  ["a revoked Proxy", () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  }],
  ["a value that cannot be read", () =>
    Object.defineProperty({}, "a", {
      enumerable: true,
      get() {
        throw new Error("no");
      },
    })],
  ["names that cannot be read", () =>
    new Proxy({}, {
      ownKeys() {
        throw new Error("no");
      },
    })],
  ["65 of them", () => many(65), "too-large"],
  ["9 KiB of text", () => ({ a: "é".repeat(4_608) }), "too-large"],
  ["a name of 9 KiB", () => ({ ["a".repeat(9_216)]: "" }), "too-large"],
];

for (const [name, make, code = "invalid-headers"] of bad) {
  Deno.test(`${name}: no headers of a message`, () => {
    assert.throws(() => givenHeaders(make() as Headers), { code });
  });
}

Deno.test("headers are copied, and their copy does not change", () => {
  const given: Record<string, string> = { a: "b", ["__proto__"]: "c" };
  const copy = givenHeaders(given);
  given.a = "d";
  assert.deepEqual(Object.entries(copy), [["a", "b"], ["__proto__", "c"]]);
  assert.ok(Object.isFrozen(copy));
  assert.equal(Object.keys(givenHeaders(many(64))).length, 64);
  assert.equal(givenHeaders({ a: "x".repeat(8_191) }).a.length, 8_191);
});

const ways = ["tell", "submit", "publish"] as const;
const Clerk = protocol("clerk", {
  note: tell(unchecked<null>()),
  call: ask(unchecked<null>(), unchecked<null>()),
  work: submit(unchecked<null>(), unchecked<null>()),
  use: ask(unchecked<{ readonly way: typeof ways[number]; readonly index: number }>(), unchecked<string>()),
  told: event(unchecked<null>()),
  asked: survey(unchecked<null>(), unchecked<null>()),
});

/** Its `use` sends a message with headers and returns the outcome; then the turn continues. */
const clerk = actor(Clerk, {
  state: () => null,
  on: {
    note() {},
    call: () => null,
    work: () => null,
    asked: () => null,
    use(ctx, { way, index }) {
      const options = { headers: bad[index][1]() as Headers };
      try {
        if (way === "tell") ctx.self.tell(Clerk.note, null, options);
        else if (way === "submit") ctx.self.submit(Clerk.work, null, options);
        else ctx.publish(Clerk.told, null, options);
      } catch (error) {
        return (error as { code: string }).code;
      }
      return "done";
    },
  },
});

async function sent(
  system: System,
  way: typeof ways[number] | "ask" | "survey",
  headers: Headers,
  id?: string,
): Promise<void> {
  const ada = system.ref(Clerk, "ada");
  const options = { headers, ...(id !== undefined && { id }) };
  if (way === "tell") await ada.tell(Clerk.note, null, options);
  else if (way === "ask") await ada.ask(Clerk.call, null, options);
  else if (way === "submit") await ada.submit(Clerk.work, null, options);
  else if (way === "publish") await system.publish(Clerk.told, null, options);
  else for await (const _ of system.survey(Clerk.asked, null, { ...options, timeoutMs: 1 }));
}

inEach("invalid headers are refused at the call, and nothing is sent", async (world) => {
  const system = await world.start([clerk]);
  for (const [index, [name, make, code = "invalid-headers"]] of bad.entries()) {
    for (const way of [...ways, "ask", "survey"] as const) {
      for (const id of [undefined, `${index}`]) {
        await assert.rejects(
          sent(system, way, make() as Headers, id),
          (error) => error instanceof PosthornError && error.code === code,
          `${way} ${name}`,
        );
      }
    }
    for (const way of ways) {
      const said = system.ref(Clerk, "ada").ask(Clerk.use, { way, index });
      await world.settle();
      assert.equal(await said, code, `${way} ${name}`);
    }
  }
  await world.pass(1_000);
  assert.equal(system.deadLetters.total, 0);
  assert.equal(system.stats().accepted, bad.length * ways.length, "nothing but what was sent without");
});

inEach("a change of what was given does not reach the message", async (world) => {
  const system = await world.start([clerk]);
  const heard: unknown[] = [];
  system.inspect((event) => event.type === "done" && heard.push(event.message.headers));
  const headers: Record<string, string> = { trace: "1" };
  const told = sent(system, "tell", headers);
  headers.trace = "2";
  await world.settle();
  await told;
  assert.deepEqual(heard, [{ trace: "1" }]);
});

Deno.test("headers that are frozen go as they are, and all others as a copy that is", () => {
  const frozen = Object.freeze({ trace: "1" });
  assert.equal(givenHeaders(frozen), frozen);
  let reads = 0;
  const counted = () => String(++reads);
  const hidden = Object.defineProperty({ trace: "1" }, "own", { value: "2" });
  const others: readonly Headers[] = [
    { trace: "1" },
    Object.freeze(Object.defineProperty({}, "trace", { get: counted, enumerable: true })),
    Object.freeze(Object.assign(Object.create(null), { trace: "1" })),
    Object.freeze(hidden),
    Object.freeze({ trace: "1", [Symbol("own")]: "2" }),
  ];
  for (const given of others) {
    const headers = givenHeaders(given);
    assert.notEqual(headers, given);
    assert(Object.isFrozen(headers));
    assert.deepEqual({ ...headers }, { trace: "1" });
    assert.deepEqual(Reflect.ownKeys(headers), ["trace"]);
  }
});

Deno.test("headers replace those of the same name, also in other letters", () => {
  const cases: readonly (readonly [before: Headers, others: Headers, merged: Headers])[] = [
    [{ trace: "1", own: "1" }, { trace: "2" }, { trace: "2", own: "1" }],
    [{ Trace: "1", own: "1" }, { trace: "2" }, { trace: "2", own: "1" }],
    [{ trace: "1", Own: "1" }, { TRACE: "2" }, { TRACE: "2", Own: "1" }],
    [{ Trace: "1" }, { Trace: "2" }, { Trace: "2" }],
    [{ own: "1" }, { Trace: "2" }, { own: "1", Trace: "2" }],
  ];
  for (const [before, others, merged] of cases) assert.deepEqual(mergedHeaders(before, others), merged);
});
