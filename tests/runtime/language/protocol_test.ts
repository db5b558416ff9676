import assert from "node:assert/strict";
import { ask, event, protocol, submit, survey, tell, unchecked } from "@posthorn/posthorn";
import fc from "fast-check";
import * as z from "zod";
import { nameOperations, operationsOf } from "../../../runtime/language/protocol.ts";

const Text = z.string();
const Count = z.number();

Deno.test("a protocol is its operations by name, each with its protocol, mode, place and schemas", () => {
  const subject = () => "a";
  const Order = protocol("order", {
    add: tell(Text),
    clear: tell(),
    count: ask(Count),
    total: ask(Text, Count),
    settle: submit(Text, Count),
    close: submit(Count),
    settled: event(Text, { subject }),
    closed: event(),
    quote: survey(Text, Count),
    vote: survey(Count),
  });
  const plain = (operation: object) => ({ ...operation });
  const checked = { unchecked: false, repliesUnchecked: false };
  const schemas = (payload?: unknown, reply?: unknown) => ({ payload, reply, ...checked });
  const at = (name: string, mode: string, slot: number) => ({ protocol: "order", mode, name, slot });
  assert.deepEqual(plain(Order.add), { ...at("add", "tell", 0), ...schemas(Text) });
  assert.deepEqual(plain(Order.clear), { ...at("clear", "tell", 1), ...schemas() });
  assert.deepEqual(plain(Order.count), { ...at("count", "ask", 2), ...schemas(undefined, Count) });
  assert.deepEqual(plain(Order.total), { ...at("total", "ask", 3), ...schemas(Text, Count) });
  assert.deepEqual(plain(Order.settle), { ...at("settle", "submit", 4), ...schemas(Text, Count) });
  assert.deepEqual(plain(Order.close), { ...at("close", "submit", 5), ...schemas(undefined, Count) });
  assert.deepEqual(plain(Order.settled), { ...at("settled", "event", 6), ...schemas(Text), subject });
  assert.deepEqual(plain(Order.closed), { ...at("closed", "event", 7), ...schemas(), subject: undefined });
  assert.deepEqual(plain(Order.quote), { ...at("quote", "survey", 8), ...schemas(Text, Count) });
  assert.deepEqual(plain(Order.vote), { ...at("vote", "survey", 9), ...schemas(undefined, Count) });
  assert.deepEqual(Object.keys(operationsOf(Order)), Object.keys(Order));
});

Deno.test("an operation says whether its payload or its reply needs no check; one that takes no payload needs it", () => {
  const Door = protocol("door", {
    open: tell(unchecked<number>()),
    look: ask(Text, unchecked<number>()),
    ring: ask(unchecked<string>(), Count),
    close: tell(),
  });
  const flags = Object.values(operationsOf(Door)).map(({ unchecked, repliesUnchecked }) => [
    unchecked,
    repliesUnchecked,
  ]);
  assert.deepEqual(flags, [[true, false], [false, true], [true, false], [false, false]]);
});

Deno.test("a protocol cannot be changed, and its operations belong to it alone", () => {
  const operations = { open: tell() };
  const [one, other] = [protocol("one", operations), protocol("other", operations)];
  assert.deepEqual([one.open.protocol, other.open.protocol, operations.open.protocol], ["one", "other", ""]);
  assert.ok(Object.isFrozen(one) && Object.isFrozen(one.open));
  assert.throws(() => Object.assign(one, { close: tell() }), TypeError);
});

Deno.test("a protocol can be printed, spread and awaited without harm", async () => {
  const Door = protocol("door", { open: tell(Text), knock: ask(Count) });
  assert.equal(`${Door}`, "protocol door { open, knock }");
  assert.equal(Deno.inspect({ Door }, { colors: false }), "{ Door: protocol door { open, knock } }");
  assert.deepEqual(Object.keys({ ...Door }), ["open", "knock"]);
  assert.equal(await Door, Door);
  assert.equal("constructor" in Door, false);
});

Deno.test("names that could not stand in an address or a path are refused", () => {
  const bad = [
    "",
    "A",
    "1a",
    "a-b",
    "a.b",
    "a b",
    "~a",
    "_a",
    "ä",
    "aé",
    "a\n",
    `a${"b".repeat(64)}`,
    "__proto__",
  ];
  for (const name of bad) {
    assert.throws(() => protocol(name, { open: tell() }), {
      name: "RangeError",
      message: `Cannot name a protocol ${JSON.stringify(name)}: a name must match /^[a-z][A-Za-z0-9]{0,63}$/`,
    });
    const operations = Object.fromEntries([[name, tell()]]);
    assert.throws(() => protocol("door", operations), {
      name: "RangeError",
      message: `Cannot name an operation of door ${JSON.stringify(name)}: a name must match ` +
        "/^[a-z][A-Za-z0-9]{0,63}$/ and be none of then, constructor, prototype, toJSON, toString, valueOf",
    });
  }
});

Deno.test("an operation has no name that an object has already, and a protocol may", () => {
  for (const name of ["then", "constructor", "prototype", "toJSON", "toString", "valueOf"]) {
    assert.throws(() => protocol("door", { [name]: tell() }), RangeError, name);
    assert.equal(protocol(name, {})["~protocol"].name, name);
  }
  protocol("door", { hasOwnProperty: tell(), catch: tell(), finally: tell(), a: tell() });
});

Deno.test("every other name is fine", () => {
  fc.assert(fc.property(fc.stringMatching(/^[a-z][A-Za-z0-9]{0,63}$/), (name) => {
    const Named = protocol(name, { [`x${name}`.slice(0, 64)]: tell() });
    assert.equal(Object.values(operationsOf(Named))[0].protocol, name);
  }));
});

Deno.test("the runtime's own protocols have names that no user's can have", () => {
  assert.equal(nameOperations("~reply", { open: tell() }).open.protocol, "~reply");
  assert.throws(() => nameOperations("~reply", { "~open": tell() }), RangeError);
});
