import assert from "node:assert/strict";
import {
  actor,
  ask,
  event,
  InvalidPayloadError,
  LimitExceededError,
  MailboxFullError,
  protocol,
  type Published,
  StoppedError,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import fc from "fast-check";
import * as z from "zod";
import { gate, untyped, World } from "./memory_world.ts";

const Note = z.object({ subject: z.string(), n: z.number() });
type Note = z.infer<typeof Note>;

const Shop = protocol("shop", {
  sold: event(Note, { subject: (note) => note.subject }),
  opened: event(),
  read: event(z.string().transform((text) => text.length), { subject: (length) => `length.${length}` }),
  publish: tell(unchecked<unknown>()),
  fail: tell(Note),
});
const Reader = protocol("reader", {
  hear: tell(Note),
  picky: tell(z.object({ subject: z.string(), n: z.number().max(9) })),
  length: tell(z.string().transform((text) => text.length)),
  count: ask(Note, z.number()),
  follow: tell(z.object({ subject: z.string().optional(), fail: z.boolean() })),
  leave: tell(),
  erase: tell(),
});

const shop = actor(Shop, {
  state: () => null,
  on: {
    publish: (ctx, note) => ctx.publish(Shop.sold, untyped(note)),
    fail: (ctx, note) => {
      ctx.publish(Shop.sold, note);
      throw new Error("broken");
    },
  },
  retry: { attempts: 1 },
  onFailure: "resume",
});

function reader(heard: string[]) {
  return actor(Reader, {
    state: () => null,
    on: {
      hear: (ctx, { n }) => {
        heard.push(`${ctx.key} ${n}`);
      },
      picky: (ctx, { n }) => {
        heard.push(`${ctx.key} picks ${n}`);
      },
      length: (ctx, length) => {
        heard.push(`${ctx.key} ${typeof length} ${length}`);
      },
      count: (ctx, { n }) => {
        heard.push(`${ctx.key} counts ${n}`);
        return n;
      },
      follow: (ctx, { subject, fail }) => {
        ctx.subscribe(Shop.sold, ctx.self.at(Reader.hear), { subject });
        if (fail) throw new Error("broken");
      },
      leave: (ctx) => ctx.unsubscribe(Shop.sold, ctx.self.at(Reader.hear)),
      erase: (ctx) => ctx.erase(),
    },
    retry: { attempts: 1 },
    onFailure: "resume",
  });
}

const numbers = (...n: number[]): Note[] => n.map((n) => ({ subject: "a", n }));

async function publishAll(world: World, notes: readonly Note[]): Promise<void> {
  for (const note of notes) await world.system.publish(Shop.sold, note);
  await world.clock.settle();
}

Deno.test("publish reaches each address and function once, in the order of publishing", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const { system } = world;
  system.subscribe(Shop.sold, system.ref(Reader, "a").at(Reader.hear));
  system.subscribe(Shop.sold, system.ref(Reader, "b").at(Reader.count));
  using _ = system.subscribe(Shop.sold, ({ n }) => heard.push(`function ${n}`));
  await publishAll(world, numbers(1, 2, 3));
  for (const name of ["a", "b counts", "function"]) {
    const own = heard.filter((line) => line.startsWith(`${name} `));
    assert.deepEqual(own, [1, 2, 3].map((n) => `${name} ${n}`));
  }
  assert.deepEqual([heard.length, world.letters], [9, []]);
});

Deno.test("publish keeps the order of one actor's subscriptions, whether their payloads are checked or not", async () => {
  const Log = protocol("log", {
    written: event(unchecked<number>()),
    first: tell(z.number()),
    second: tell(unchecked<number>()),
  });
  const heard: string[] = [];
  const log = actor(Log, {
    state: () => null,
    on: {
      first: (_, n) => void heard.push(`first ${n}`),
      second: (_, n) => void heard.push(`second ${n}`),
    },
  });
  await using world = new World([log]);
  const { system } = world;
  for (const operation of [Log.first, Log.second]) {
    system.subscribe(Log.written, system.ref(Log, "a").at(operation));
  }
  for (const n of [1, 2, 3]) await system.publish(Log.written, n);
  await world.clock.settle();
  assert.deepEqual(heard, [1, 2, 3].flatMap((n) => [`first ${n}`, `second ${n}`]));
});

Deno.test("publish without subscribers resolves, and an event needs no payload", async () => {
  await using world = new World([]);
  await world.system.publish(Shop.sold, { subject: "a", n: 1 });
  await world.clock.settle();
  const heard: unknown[] = [];
  using _ = world.system.subscribe(
    Shop.opened,
    (payload, published) => heard.push(payload, published.subject),
  );
  await world.system.publish(Shop.opened);
  await world.clock.settle();
  assert.deepEqual([heard, world.letters], [[undefined, ""], []]);
});

// --- Delivery to subscribers

const token = fc.constantFrom("a", "b", "c");
const subject = fc.array(token, { minLength: 1, maxLength: 3 }).map((tokens) => tokens.join("."));
const pattern = fc.tuple(
  fc.array(fc.constantFrom("a", "b", "*"), { maxLength: 2 }),
  fc.constantFrom("a", "*", ">"),
)
  .map(([tokens, last]) => [...tokens, last].join("."));
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("subscribe" as const),
      who: fc.nat(5),
      pattern: fc.option(pattern),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("unsubscribe" as const), who: fc.nat(5) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("publish" as const), subject }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("settle" as const) }) },
);

/** The meaning of a pattern, implemented differently from the product. */
function modelOf(pattern: string | null): RegExp {
  if (pattern === null) return /^/;
  const tokens = pattern.split(".").map((token) => token === "*" ? "[^.]+" : token === ">" ? ".+" : token);
  return new RegExp(`^${tokens.join("\\.")}$`);
}

Deno.test("publish reaches exactly the subscribers of that moment, filtered by subject", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const heard: string[] = [];
      const expected: string[] = [];
      await using world = new World([reader(heard)], { scheduler: { throughput: 2 } });
      const { system } = world;
      const subscriptions = new Map<number, { subscription: Disposable; model: RegExp }>();
      let published = 0;
      for (const step of steps) {
        if (step.do === "settle") await world.clock.settle();
        else if (step.do === "publish") {
          const n = ++published;
          await system.publish(Shop.sold, { subject: step.subject, n });
          for (const [who, { model }] of subscriptions) {
            if (model.test(step.subject)) expected.push(`${who} ${n}`);
          }
        } else {
          const { who } = step;
          const isFunction = who >= 3;
          const before = subscriptions.get(who);
          // A disposed function gets nothing that is in flight; an address gets everything that was published
          // before.
          if (isFunction && before !== undefined) await world.clock.settle();
          if (isFunction || step.do === "unsubscribe") before?.subscription[Symbol.dispose]();
          subscriptions.delete(who);
          if (step.do !== "subscribe") continue;
          const options = { subject: step.pattern ?? undefined };
          const subscription = isFunction
            ? system.subscribe(Shop.sold, ({ n }) => void heard.push(`${who} ${n}`), options)
            : system.subscribe(Shop.sold, system.ref(Reader, String(who)).at(Reader.hear), options);
          subscriptions.set(who, { subscription, model: modelOf(step.pattern) });
        }
      }
      await world.clock.settle();
      for (let who = 0; who <= 5; who++) {
        const own = (lines: readonly string[]) => lines.filter((line) => line.startsWith(`${who} `));
        assert.deepEqual(own(heard), own(expected));
      }
      assert.equal(heard.length, expected.length);
    }),
    { numRuns: 150 },
  );
});

Deno.test("subscribing the same address again replaces its subject", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const address = world.system.ref(Reader, "r").at(Reader.hear);
  world.system.subscribe(Shop.sold, address, { subject: "a" });
  world.system.subscribe(Shop.sold, address, { subject: "b.*" });
  await publishAll(world, [{ subject: "a", n: 1 }, { subject: "b.c", n: 2 }]);
  assert.deepEqual(heard, ["r 2"]);
});

Deno.test("a subject that is no pattern throws, and nothing is subscribed", async () => {
  await using world = new World([]);
  for (const subject of ["", "a..b", "a.>.b", "a b", "a*"]) {
    assert.throws(() => world.system.subscribe(Shop.sold, () => {}, { subject }), RangeError, subject);
  }
  assert.deepEqual(world.population, {});
});

// --- Subscriptions end

Deno.test("a subscription ends when it is disposed of, even for what is on its way to a function", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const { system } = world;
  {
    using _function = system.subscribe(Shop.sold, ({ n }) => heard.push(`function ${n}`));
    using _address = system.subscribe(Shop.sold, system.ref(Reader, "r").at(Reader.hear));
    await publishAll(world, numbers(1));
    void system.publish(Shop.sold, { subject: "a", n: 2 });
  }
  await publishAll(world, numbers(3));
  assert.deepEqual(heard.toSorted(), ["function 1", "r 1", "r 2"]);
});

Deno.test("disposing of a subscription again, or after the system has stopped, does nothing", async () => {
  const heard: number[] = [];
  const world = new World([]);
  const { system } = world;
  const subscriptions = [1, 2].map(() => system.subscribe(Shop.sold, ({ n }) => heard.push(n)));
  const [first, second] = subscriptions;
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await publishAll(world, numbers(1));
  assert.deepEqual(heard, [1]);
  await world.stop();
  second[Symbol.dispose]();
  assert.deepEqual(world.letters, []);
  assert.throws(() => system.subscribe(Shop.sold, () => {}), StoppedError);
  await assert.rejects(system.publish(Shop.sold, { subject: "a", n: 1 }), StoppedError);
});

Deno.test("a subscription that has ended does not end a newer one of the same address", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const address = world.system.ref(Reader, "r").at(Reader.hear);
  const first = world.system.subscribe(Shop.sold, address);
  first[Symbol.dispose]();
  world.system.subscribe(Shop.sold, address);
  first[Symbol.dispose]();
  await publishAll(world, numbers(1));
  assert.deepEqual(heard, ["r 1"]);
});

Deno.test("a subscription can be disposed of while there is no room for its topic", async () => {
  const heard: number[] = [];
  await using world = new World([]);
  const subscription = world.system.subscribe(Shop.sold, ({ n }) => heard.push(n));
  await world.clock.settle();
  for (let n = 0; n < 10_000; n++) void world.system.publish(Shop.sold, { subject: "a", n });
  const refused = world.system.publish(Shop.sold, { subject: "a", n: 0 });
  assert.throws(() => world.system.subscribe(Shop.sold, () => {}), MailboxFullError);
  subscription[Symbol.dispose]();
  await assert.rejects(refused, MailboxFullError);
  await world.clock.advance(1);
  assert.deepEqual([heard, world.population], [[], { "~topic": 1 }]);
});

Deno.test("an actor subscribes and unsubscribes with its turn's commit", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const ref = world.system.ref(Reader, "r");
  await ref.tell(Reader.follow, { fail: true });
  await publishAll(world, numbers(1));
  await ref.tell(Reader.follow, { subject: "a.*", fail: false });
  await world.clock.settle();
  await publishAll(world, [{ subject: "a.b", n: 2 }, { subject: "b", n: 3 }]);
  await ref.tell(Reader.leave);
  await world.clock.settle();
  await publishAll(world, [{ subject: "a.b", n: 4 }]);
  assert.deepEqual(heard, ["r 2"]);
});

Deno.test("an erased actor is no longer subscribed", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const { system } = world;
  for (const key of ["r", "s"]) system.subscribe(Shop.sold, system.ref(Reader, key).at(Reader.hear));
  await publishAll(world, numbers(1));
  await system.ref(Reader, "r").tell(Reader.erase);
  await world.clock.settle();
  await publishAll(world, numbers(2));
  assert.deepEqual(heard.toSorted(), ["r 1", "s 1", "s 2"]);
});

// --- Subscribers do not touch each other

Deno.test("an event on which one subscriber fails becomes a dead letter of that subscriber alone, which gets the next event", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const { system } = world;
  system.subscribe(Shop.sold, ({ n }) => {
    heard.push(`function ${n}`);
    if (n === 1) throw new Error("broken");
    if (n === 2) return Promise.reject(new Error("broken"));
  });
  system.subscribe(Shop.sold, system.ref(Reader, "p").at(Reader.picky) as never);
  system.subscribe(Shop.sold, system.ref(Reader, "r").at(Reader.hear));
  await publishAll(world, numbers(1, 2, 10));
  assert.deepEqual(heard.filter((line) => line.startsWith("function")), [
    "function 1",
    "function 2",
    "function 10",
  ]);
  assert.deepEqual(heard.filter((line) => line.startsWith("p")), ["p picks 1", "p picks 2"]);
  assert.deepEqual(heard.filter((line) => line.startsWith("r")), ["r 1", "r 2", "r 10"]);
  assert.deepEqual(world.letters.toSorted(), [
    "reader picky: invalid-payload",
    "~listener hear: failed",
    "~listener hear: failed",
  ]);
});

Deno.test("a function gets one event at a time, and a slow one does not delay the others", async () => {
  const heard: string[] = [];
  await using world = new World([]);
  const { promise, resolve } = gate();
  world.system.subscribe(Shop.sold, async ({ n }) => {
    heard.push(`slow ${n}`);
    await promise;
  });
  world.system.subscribe(Shop.sold, ({ n }) => heard.push(`quick ${n}`));
  await publishAll(world, numbers(1, 2));
  assert.deepEqual(heard.toSorted(), ["quick 1", "quick 2", "slow 1"]);
  resolve();
  await world.clock.settle();
  assert.equal(heard.at(-1), "slow 2");
});

Deno.test("two systems do not see each other", async () => {
  await using one = new World([]);
  await using other = new World([]);
  const heard: string[] = [];
  one.system.subscribe(Shop.sold, ({ n }) => heard.push(`one ${n}`));
  other.system.subscribe(Shop.sold, ({ n }) => heard.push(`other ${n}`));
  await publishAll(one, numbers(1));
  await publishAll(other, numbers(2));
  assert.deepEqual(heard, ["one 1", "other 2"]);
});

// --- What is published

Deno.test("handlers and functions get what the schema makes of the payload, an ingress what was published", async () => {
  const heard: string[] = [];
  await using world = new World([reader(heard)]);
  const { system } = world;
  const published: Published[] = [];
  system.subscribe(Shop.read, system.ref(Reader, "r").at(Reader.length), { subject: "length.4" });
  system.subscribe(Shop.read, (length, event) => {
    heard.push(`function ${typeof length} ${length}`);
    published.push(event);
  });
  await system.publish(Shop.read, "four", { id: "7" });
  await world.clock.settle();
  assert.deepEqual(heard.toSorted(), ["function number 4", "r number 4"]);
  assert.deepEqual(published, [{ id: "7", subject: "length.4", input: "four", headers: {} }]);
});

Deno.test("a publication that does not fit rejects outside a turn", async () => {
  await using world = new World([]);
  const bad = { subject: "a", n: "one" };
  await assert.rejects(world.system.publish(Shop.sold, untyped(bad)), (error: unknown) => {
    assert.ok(error instanceof InvalidPayloadError);
    return /^Cannot publish shop.sold: .* at n$/.test(error.message);
  });
  await assert.rejects(world.system.publish(Shop.sold, { subject: "x".repeat(513), n: 1 }), {
    code: "invalid-subject",
  });
  assert.equal(world.system.stats().accepted, 0);
});

Deno.test("a publication of a turn that does not fit is a dead letter of the topic", async () => {
  await using world = new World([shop]);
  const bad = { subject: "a", n: "one" };
  await world.system.ref(Shop, "s").tell(Shop.publish, bad);
  await world.system.ref(Shop, "s").tell(Shop.publish, { subject: "x".repeat(513), n: 1 });
  await world.clock.settle();
  assert.deepEqual(world.letters, ["~topic publish: invalid-payload", "~topic publish: invalid-subject"]);
  assert.deepEqual(world.system.deadLetters.list()[0].payload, bad);
});

Deno.test("events of a turn are published with its commit, and not if it fails", async () => {
  const heard: number[] = [];
  await using world = new World([shop]);
  world.system.subscribe(Shop.sold, ({ n }) => heard.push(n));
  await world.system.ref(Shop, "s").tell(Shop.fail, { subject: "a", n: 1 });
  await world.system.ref(Shop, "s").tell(Shop.publish, { subject: "a", n: 2 });
  await world.clock.settle();
  assert.deepEqual(heard, [2]);
});

Deno.test("an event that is published twice with the same id is delivered once", async () => {
  const heard: number[] = [];
  await using world = new World([]);
  world.system.subscribe(Shop.sold, ({ n }) => heard.push(n));
  for (let time = 0; time < 2; time++) {
    await world.system.publish(Shop.sold, { subject: "a", n: 1 }, { id: "7" });
  }
  await assert.rejects(world.system.publish(Shop.sold, { subject: "a", n: 2 }, { id: "7" }), {
    code: "id-reused",
  });
  await world.clock.settle();
  assert.deepEqual(heard, [1]);
});

Deno.test("an event that is published while a subscriber is behind reaches it before its deadline or not at all", async () => {
  const heard: number[] = [];
  await using world = new World([]);
  const { promise, resolve } = gate();
  world.system.subscribe(Shop.sold, async ({ n }) => {
    heard.push(n);
    await promise;
  });
  const Slow = protocol("slow", { hear: tell(Note) });
  const slow = actor(Slow, {
    state: () => null,
    on: {
      hear(_ctx, { n }) {
        heard.push(n);
        return promise;
      },
    },
  });
  await using other = new World([slow]);
  other.system.subscribe(Shop.sold, other.system.ref(Slow, "s").at(Slow.hear));
  for (const each of [world, other]) {
    await publishAll(each, numbers(1));
    await each.system.publish(Shop.sold, { subject: "a", n: 2 }, { timeoutMs: 100 });
    await each.clock.advance(100);
  }
  resolve();
  await world.clock.settle();
  assert.deepEqual(heard, [1, 1]);
  assert.deepEqual([...world.letters, ...other.letters], ["~listener hear: deadline", "slow hear: deadline"]);
});

// --- Bounds

Deno.test("a topic has at most 100,000 subscribers", async () => {
  await using world = new World([reader([])]);
  const { system } = world;
  const subscribe = (key: number) =>
    system.subscribe(Shop.sold, system.ref(Reader, `r${key}`).at(Reader.hear));
  for (let key = 0; key < 100_000; key++) {
    subscribe(key);
    if (key % 10_000 === 9_999) await world.clock.settle();
  }
  subscribe(0); // which adds no subscriber
  await world.clock.settle();
  assert.deepEqual(world.letters, []);
  subscribe(100_000);
  await world.clock.settle();
  assert.deepEqual(world.letters, ["~topic subscribe: too-many-subscribers"]);
});

Deno.test("a subscription that cannot be made leaves nothing behind", async () => {
  await using world = new World([reader([])], { limits: { actors: 2 } });
  const { system } = world;
  await system.ref(Reader, "r").tell(Reader.follow, { fail: false }); // an actor and a topic
  await world.clock.settle();
  assert.throws(() => system.subscribe(Shop.opened, () => {}), LimitExceededError);
  system.signal({ protocol: "reader", key: "r" }, "erase");
  await world.clock.settle();
  // there is room for the listener alone
  assert.throws(() => system.subscribe(Shop.opened, () => {}), LimitExceededError);
  await world.clock.settle();
  assert.deepEqual(world.population, { "~topic": 1 });
  using _ = system.subscribe(Shop.sold, () => {});
});

Deno.test("a thousand subscriptions that came and went leave nothing behind but the topic", async () => {
  const heard: number[] = [];
  await using world = new World([reader([])]);
  const { system } = world;
  for (let round = 0; round < 1_000; round++) {
    using _function = system.subscribe(Shop.sold, ({ n }) => heard.push(n));
    using _address = system.subscribe(Shop.sold, system.ref(Reader, `r${round}`).at(Reader.picky) as never);
    if (round % 10 === 0) await publishAll(world, numbers(10)); // which the schema of the address refuses
    await world.clock.settle();
  }
  await world.clock.advance(120_000);
  assert.deepEqual([heard.length, world.population, world.clock.waiting], [100, { "~topic": 1 }, 0]);
});

Deno.test("a system with its default clock delivers an event to a local function", async () => {
  await using system = new System({ actors: [] });
  const heard = gate<number>();
  using _ = system.subscribe(Shop.sold, ({ n }) => heard.resolve(n));
  await system.publish(Shop.sold, { subject: "a", n: 1 });
  assert.equal(await heard.promise, 1);
});

Deno.test("disposing of a subscription leaves a newer one of the same address alone", async () => {
  const heard: string[] = [];
  await using world = new World([shop, reader(heard)]);
  const to = world.system.ref(Reader, "ada").at(Reader.hear);
  const older = world.system.subscribe(Shop.sold, to);
  const newer = world.system.subscribe(Shop.sold, to);
  older[Symbol.dispose]();
  await world.system.publish(Shop.sold, { subject: "de", n: 1 });
  await world.clock.settle();
  newer[Symbol.dispose]();
  await world.system.publish(Shop.sold, { subject: "de", n: 2 });
  await world.clock.settle();
  assert.deepEqual(heard, ["ada 1"]);
});

Deno.test("a message on which a local function failed can be resent", async () => {
  await using world = new World([shop]);
  const { system } = world;
  const heard: [number, Published][] = [];
  let broken = true;
  system.subscribe(Shop.sold, ({ n }, published) => {
    if (broken) throw new Error("broken");
    heard.push([n, published]);
  });
  await system.publish(Shop.sold, { subject: "de", n: 1 }, { id: "first" });
  await world.clock.settle();
  const [letter] = system.deadLetters.list();
  assert.deepEqual(letter.payload, { subject: "de", n: 1 });
  broken = false;
  system.deadLetters.resend(letter.id);
  await world.clock.settle();
  assert.deepEqual(heard, [[1, { id: "first", subject: "de", input: { subject: "de", n: 1 }, headers: {} }]]);
});
