import assert from "node:assert/strict";
import { actor, type ActorOptions, ask, event, protocol, survey, tell } from "@posthorn/posthorn";
import * as z from "zod";

const Shop = protocol("shop", {
  open: tell(),
  opened: event(),
  count: ask(z.number()),
  quote: survey(z.number()),
});

const on = { open() {}, count: () => 5, quote: () => 5 };
const state = () => 0;

type Options = Partial<Omit<ActorOptions<"shop", unknown, number>, "on" | "state" | "transient">>;

Deno.test("an actor is its protocol's name and operations, its state, and a handler at each slot", () => {
  const shop = actor(Shop, { state, on });
  assert.equal(shop.name, "shop");
  assert.deepEqual(Object.keys(shop.operations), ["open", "opened", "count", "quote"]);
  assert.deepEqual([shop.state, shop.handlers], [state, [on.open, undefined, on.count, on.quote]]);
  assert.ok(Object.isFrozen(shop));
});

Deno.test("every option has a default", () => {
  const { mailbox, retry, onFailure, limit, idleMs, onIdle, transient } = actor(Shop, { state, on });
  assert.deepEqual({ mailbox, retry, onFailure, limit, idleMs, onIdle, transient }, {
    mailbox: { capacity: 1_000, bytes: 16_777_216, overflow: "reject" },
    retry: { attempts: 8, baseMs: 500, maxMs: 60_000, order: "hold" },
    onFailure: "restart",
    limit: { restarts: 1_000, windowMs: 60_000 },
    idleMs: 60_000,
    onIdle: "keep",
    transient: false,
  });
});

Deno.test("every option can be said, and the rest stays", () => {
  const mine: Options = {
    mailbox: { overflow: "drop-oldest" },
    retry: { attempts: 1, order: "aside" },
    onFailure: "stop",
    limit: { restarts: 0 },
    idleMs: Infinity,
    onIdle: "drop",
  };
  const { mailbox, retry, onFailure, limit, idleMs, onIdle } = actor(Shop, { state, on, ...mine });
  assert.deepEqual({ mailbox, retry, onFailure, limit, idleMs, onIdle }, {
    mailbox: { capacity: 1_000, bytes: 16_777_216, overflow: "drop-oldest" },
    retry: { attempts: 1, baseMs: 500, maxMs: 60_000, order: "aside" },
    onFailure: "stop",
    limit: { restarts: 0, windowMs: 60_000 },
    idleMs: Infinity,
    onIdle: "drop",
  });
});

Deno.test("a transient actor drops its state unless told otherwise", () => {
  assert.equal(actor(Shop, { transient: true, state, on }).onIdle, "drop");
  assert.equal(actor(Shop, { transient: true, state, on, onIdle: "keep" }).onIdle, "keep");
});

Deno.test("an option out of its bounds is a RangeError that names it and its actor", () => {
  const integer = (name: string, least: number) =>
    `Cannot use ${name} of shop: it must be a whole number of at least ${least}: current value is `;
  const duration = (name: string) =>
    `Cannot use ${name} of shop: it must be a number of milliseconds above 0: current value is `;
  const cases: readonly (readonly [options: Options, message: string])[] = [
    [{ mailbox: { capacity: 0 } }, `${integer("mailbox.capacity", 1)}0`],
    [{ mailbox: { capacity: 1.5 } }, `${integer("mailbox.capacity", 1)}1.5`],
    [{ retry: { attempts: 0 } }, `${integer("retry.attempts", 1)}0`],
    [{ limit: { restarts: -1 } }, `${integer("limit.restarts", 0)}-1`],
    [{ retry: { baseMs: 0 } }, `${duration("retry.baseMs")}0`],
    [{ retry: { maxMs: NaN } }, `${duration("retry.maxMs")}NaN`],
    [{ limit: { windowMs: -5 } }, `${duration("limit.windowMs")}-5`],
    [{ idleMs: 0 }, `${duration("idleMs")}0`],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => actor(Shop, { state, on, ...options }), { name: "RangeError", message });
  }
});

Deno.test("a missing handler is a TypeError, and an inherited one is missing", () => {
  const message = "Cannot make an actor of shop: it has no handler for count";
  for (const count of [undefined, 5]) {
    assert.throws(() => actor(Shop, { state, on: { ...on, count: count as never } }), {
      name: "TypeError",
      message,
    });
  }
  const inherited = Object.assign(Object.create({ count: on.count }), { open: on.open, quote: on.quote });
  assert.throws(() => actor(Shop, { state, on: inherited }), { name: "TypeError", message });
});

Deno.test("what no compiler has checked is refused when the actor is made, and not at its first message", () => {
  const cases: readonly (readonly [options: object, message: string])[] = [
    [{ on }, "Cannot use state of shop: it must be a function: current value is undefined"],
    [{ on, state: 0 }, "Cannot use state of shop: it must be a function: current value is 0"],
    [{ on, state, migrate: 5 }, "Cannot use migrate of shop: it must be a function: current value is 5"],
    [{ state }, "Cannot make an actor of shop: on must be an object with its handlers"],
    [{ state, on: null }, "Cannot make an actor of shop: on must be an object with its handlers"],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => actor(Shop, options as never), { name: "TypeError", message });
  }
});

Deno.test("an option that does not exist is refused, wherever it is nested, with the one that was meant", () => {
  const cases: readonly (readonly [options: object, message: string])[] = [
    [{ idle: 5 }, "Cannot use idle of shop: there is no such option. Did you mean idleMs?"],
    [{ idleMS: 5 }, "Cannot use idleMS of shop: there is no such option. Did you mean idleMs?"],
    [
      { mailbox: { capcity: 5 } },
      "Cannot use mailbox.capcity of shop: there is no such option. Did you mean capacity?",
    ],
    [
      { retry: { attempt: 5 } },
      "Cannot use retry.attempt of shop: there is no such option. Did you mean attempts?",
    ],
    [
      { limit: { windowsMs: 5 } },
      "Cannot use limit.windowsMs of shop: there is no such option. Did you mean windowMs?",
    ],
    [{ mailbox: 5 }, "Cannot use mailbox of shop: it must be an object"],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => actor(Shop, { state, on, ...options }), { name: "TypeError", message });
  }
});

Deno.test("a handler of what is no operation is refused, and so is one of an event", () => {
  const misspelt = { ...on, opne() {} };
  assert.throws(() => actor(Shop, { state, on: misspelt }), {
    name: "TypeError",
    message:
      "Cannot make an actor of shop: it has a handler for opne, which is no operation of it. Did you mean open?",
  });
  const hearing = { ...on, opened() {} };
  assert.throws(() => actor(Shop, { state, on: hearing }), {
    name: "TypeError",
    message: "Cannot make an actor of shop: opened is an event, which is published and not handled",
  });
});
