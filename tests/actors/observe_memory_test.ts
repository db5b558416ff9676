// What is particular to memory, and to a system that has both: transient actors in memory, and a store.

import assert from "node:assert/strict";
import {
  actor,
  ask,
  protocol,
  RetryableError,
  System,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { FakeTransport } from "../runtime/remote/fake_transport.ts";

function cart(name: string, transient: boolean) {
  const Own = protocol(name, {
    keep: tell(unchecked<unknown>()),
    wait: tell(unchecked<Promise<void>>()),
    fail: tell(unchecked<string>()),
    refuse: tell(),
    plan: tell(unchecked<number>()),
  });
  const own = actor(Own, {
    transient,
    state: (): unknown => null,
    retry: { attempts: 8, baseMs: 60_000, maxMs: 60_000 },
    on: {
      keep: (ctx, value) => void (ctx.state = value as never),
      wait: (_, promise) => promise as Promise<void>,
      fail: (_, words) => {
        throw new RetryableError(words, { afterMs: 60_000 });
      },
      refuse: () => {
        throw new TerminalError("no", { code: "no-stock" });
      },
      plan: (ctx, afterMs) => ctx.schedule(`in ${afterMs}`, { afterMs }, ctx.self.at(Own.refuse)),
    },
  });
  return { Own, own };
}

const { Own: Kept, own: kept } = cart("kept", false);
const { Own: Brief, own: brief } = cart("brief", true);

/** A system with a store, and with a transient actor beside the durable one. */
async function both() {
  const clock = new VirtualClock();
  const system = new System({ actors: [kept, brief], store: memoryStore(), clock, log: false, drainMs: 0 });
  await system.ready();
  return { clock, system, durable: system.ref(Kept, "ada"), transient: system.ref(Brief, "bob") };
}

Deno.test("actors in memory and in the store are in one list", async () => {
  const { clock, system, durable, transient } = await both();
  await using _ = system;
  await durable.tell(Kept.keep, 1);
  await transient.tell(Brief.keep, 2);
  await clock.advance(0);
  const { observe } = system;
  const names = async (limit: number) => {
    const { items, next } = await observe.protocols({ limit });
    return [items.map(({ protocol, hosted, actors }) => `${protocol} ${hosted} ${actors.count}`), next];
  };
  assert.deepEqual(await names(10), [["brief true 1", "kept true 1"], undefined]);
  assert.deepEqual(await names(1), [["brief true 1"], "brief"]);
  assert.deepEqual((await observe.actors({ protocol: "brief" })).items.map(({ state }) => state), ["2"]);
  assert.deepEqual((await observe.actors({ protocol: "kept" })).items.map(({ state }) => state), ["1"]);
  assert.equal((await observe.actor({ protocol: "brief", key: "bob" }))?.state, "2");
  assert.equal((await observe.actor({ protocol: "kept", key: "ada" }))?.state, "1");
  assert.equal((await observe.instances()).items.length, 1);
});

Deno.test("schedules, failing actors and dead letters in memory and in the store are in one order", async () => {
  const { clock, system, durable, transient } = await both();
  await using _ = system;
  const { observe } = system;
  for (const afterMs of [4_000_000, 2_000_000]) await durable.tell(Kept.plan, afterMs);
  for (const afterMs of [3_000_000, 1_000_000]) await transient.tell(Brief.plan, afterMs);
  await clock.settle();
  const walk = async () => {
    const found: string[] = [];
    let after: string | undefined;
    for (;;) {
      const { items, next } = await observe.schedules({ limit: 1, ...after !== undefined && { after } });
      found.push(...items.map(({ actor, name }) => `${actor.protocol} ${name}`));
      if (next === undefined) return found;
      after = next;
    }
  };
  assert.deepEqual(await walk(), [
    "brief in 1000000",
    "kept in 2000000",
    "brief in 3000000",
    "kept in 4000000",
  ]);
  for (const n of [1, 2]) {
    await system.ref(Kept, `k${n}`).tell(Kept.refuse);
    await clock.advance(10);
    await system.ref(Brief, `b${n}`).tell(Brief.refuse);
    await clock.advance(10);
  }
  const letters = await observe.deadLetters({ limit: 3 });
  assert.deepEqual(letters.items.map(({ key }) => key), ["b2", "k2", "b1"]);
  assert.deepEqual((await observe.deadLetters({ after: letters.next })).items.map(({ key }) => key), ["k1"]);
  assert.deepEqual(
    (await observe.deadLetterGroups()).groups.map(({ protocol, count }) => [protocol, count]),
    [
      ["brief", 2],
      ["kept", 2],
    ],
  );
  await system.ref(Kept, "k").tell(Kept.fail, "in the store");
  await system.ref(Brief, "b").tell(Brief.fail, "in memory");
  await clock.settle();
  assert.deepEqual((await observe.failing()).items.map(({ retry }) => retry?.error), [
    "in memory",
    "in the store",
  ]);
});

Deno.test("a message whose turn is awaited waits first, in memory and in the store", async () => {
  const { clock, system, durable, transient } = await both();
  await using _ = system;
  const gate = Promise.withResolvers<void>();
  await transient.tell(Brief.wait, gate.promise);
  await transient.tell(Brief.keep, "behind", { headers: { trace: "t" } });
  await clock.settle();
  const bob = (await system.observe.actor({ protocol: "brief", key: "bob" }))!;
  assert.deepEqual(bob.messages.map(({ operation, payload, headers }) => [operation, payload, headers]), [
    ["wait", "{}", undefined],
    ["keep", '"behind"', { trace: "t" }],
  ]);
  assert.deepEqual(bob.waiting, { count: 2, more: false });
  gate.resolve();
  await durable.tell(Kept.keep, 1);
});

Deno.test("a state of any kind and size is shown, and no failing actor is forgotten or left behind", async () => {
  const clock = new VirtualClock();
  const { Own, own } = cart("cart", false);
  await using system = new System({ actors: [own], clock, log: false, drainMs: 0 });
  const inside: { self?: unknown } = {};
  inside.self = inside;
  const odd = [
    inside,
    new Map([["a", new Set([1])]]),
    new Proxy({}, {
      ownKeys: () => {
        throw new Error("no");
      },
    }), // deno-fmt-ignore
    Array.from({ length: 1_000_000 }, (_, n) => n),
    "x".repeat(1_000_000),
    10n,
    () => {},
  ];
  for (const [n, value] of odd.entries()) await system.ref(Own, `${n}`).tell(Own.keep, value);
  await clock.settle();
  const { items } = await system.observe.actors({ protocol: "cart" });
  assert.ok(items.every(({ state }) => state !== undefined && state.length <= 200));
  assert.deepEqual([items[1].state, items[5].state], ['[["a",[1]]]', "10n"]);
  const details = await Promise.all(items.map((id) => system.observe.actor(id)));
  assert.ok(details.every((one) => one!.state!.length <= 64_000));

  await system.ref(Own, "x").tell(Own.fail, "no");
  await clock.settle();
  const count = async () => (await system.observe.protocols()).items[0].failing.count;
  assert.equal(await count(), 1);
  system.signal({ protocol: "cart", key: "x" }, "erase");
  await clock.settle();
  assert.equal(await count(), 1, "its message still waits");
  await clock.advance(61_000 * 8);
  assert.equal(await count(), 0);
});

Deno.test("others have their turn while many failing actors are looked at", async () => {
  const { Own, own } = cart("cart", false);
  const Desk = protocol("desk", { ring: ask(unchecked<number>()) });
  let rings = 0;
  const desk = actor(Desk, { state: () => null, on: { ring: () => ++rings } });
  await using system = new System({ actors: [own, desk], log: false, drainMs: 0 });
  for (let n = 0; n < 20_000; n++) await system.ref(Own, `${n}`).tell(Own.fail, "no");
  await system.ref(Desk, "one").ask(Desk.ring); // all have failed
  let over = false;
  const asked = system.observe.failing().finally(() => over = true);
  while (!over) await system.ref(Desk, "one").ask(Desk.ring);
  assert.equal((await asked).items.length, 100);
  assert.ok(rings > 10, `${rings} turns meanwhile`);
});

for (const stored of [true, false]) {
  Deno.test(`the outbox says what waits for other services, ${stored ? "with" : "without"} a store`, async () => {
    const clock = new VirtualClock();
    const transport = new FakeTransport();
    const Other = protocol("other", { note: tell(unchecked<string>()) });
    await using system = new System({
      name: "shop",
      actors: [],
      remote: [Other],
      transport,
      ...stored && { store: memoryStore() },
      clock,
      log: false,
      drainMs: 0,
    });
    await system.ready();
    assert.deepEqual((await system.observe.outbox())?.lanes, { items: [] });
    transport.state = { status: "connecting", reason: "the broker is away" };
    const sentMs = clock.now();
    const sent = system.ref(Other, "ada").tell(Other.note, "one").catch(() => {});
    await clock.advance(1_000);
    const { transport: state, lanes } = (await system.observe.outbox())!;
    assert.deepEqual([state?.name, state?.status], ["fake", "connecting"]);
    const [{ oldestMs, ...lane }] = lanes.items;
    assert.deepEqual(lane, { lane: "inbox:other", waiting: { count: 1, more: false } });
    if (stored) assert.equal(oldestMs, sentMs);
    transport.state = { status: "connected" };
    await clock.advance(1_000);
    await sent;
  });
}
