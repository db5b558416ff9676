// Actors that live in memory get what other services send at least once: a message counts as handled when its turn is
// over, with a store beside them and without one.

import assert from "node:assert/strict";
import { type PosthornError, System } from "@posthorn/posthorn";
import type { Receiver } from "@posthorn/posthorn/transport";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { inMemory } from "../durable/durable_stage.ts";
import { FakeTransport } from "./fake_transport.ts";
import {
  additions,
  delivered,
  lettersOf,
  Market,
  notesOf,
  Order,
  order,
  type OrderScripts,
  reader,
  shown,
  tenureOf,
} from "./intake_stage.ts";

/** A system without a store, and its receiver. */
async function started(scripts: OrderScripts = {}, traits: object = {}) {
  const clock = new VirtualClock();
  const transport = new FakeTransport([Order.add, Order.total, Order.settle, Order.maybe]);
  const system = new System({
    name: "orders",
    actors: [order(scripts, traits)],
    transport,
    remote: [Market.settled],
    clock,
    random: seededRandom(1),
    drainMs: 0,
    log: false,
  });
  await system.ready();
  await clock.settle();
  const receiver = (name = "inbox order"): Receiver => transport.receivers.get(name)!;
  const stop = async () => {
    await system.stop({ drainMs: 0 });
  };
  return { clock, transport, system, receiver, [Symbol.asyncDispose]: stop };
}

/** What takes back a request to settle. */
function cancelling(id: string, correlationId: string) {
  const headers = { "posthorn-cancel": "settle", "posthorn-cancel-id": id };
  return delivered(undefined, undefined, { id: `cancel ${id}`, replyTo: "q", correlationId, headers });
}

Deno.test("a batch is acknowledged when its turns are over", async () => {
  const gate = Promise.withResolvers<void>();
  await using world = await started({ onAdd: (text) => text === "b" ? gate.promise : undefined });
  const receiving = world.receiver();
  const tenure = tenureOf();
  assert.equal(await receiving.begin(tenure), undefined);
  let settled = false;
  const taking = receiving.take(additions(["a", "b", "c"]), tenure).then((rejected) => {
    settled = true;
    return rejected;
  });
  await world.clock.settle();
  assert.equal(settled, false);
  gate.resolve();
  assert.deepEqual(await taking, []);
  assert.deepEqual(await notesOf(world.system), ["a", "b", "c"]);
});

Deno.test("a turn that fails for good is over, and a retry is waited for", async () => {
  let attempts = 0;
  await using world = await started({
    onAdd: (text) => {
      if (text === "b" && ++attempts < 3) throw new Error("not yet");
      if (text === "c") throw new Error("never");
    },
  }, { retry: { attempts: 3, baseMs: 1_000 } });
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  let settled = false;
  const taking = receiving.take(additions(["a", "b", "c", "d"]), tenure).then(() => settled = true);
  await world.clock.settle();
  assert.equal(settled, false);
  await world.clock.advance(60_000);
  await taking;
  assert.deepEqual(await notesOf(world.system), ["a", "b", "d"]);
  assert.deepEqual(lettersOf(world.system), ['failed c "c"']);
});

Deno.test("what will not be handled is a dead letter here, is put aside in the broker, and is told to who asked", async () => {
  await using world = await started();
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const asked = { replyTo: "q", correlationId: "c" };
  const rejections = await receiving.take([
    ...additions(["a"]),
    delivered("nonsense", 1, { id: "1", ...asked }),
    delivered("add", 7, { id: "2", ...asked }),
    delivered("total", 7, { id: "3", ...asked }),
    delivered(undefined, 7, { id: "4", correlationId: "unknown" }),
    ...additions(["b"]),
  ], tenure);
  assert.deepEqual(rejections, [
    { index: 1, reason: "unknown-operation" },
    { index: 2, reason: "invalid-payload" },
    { index: 4, reason: "late-reply" },
  ]);
  await world.clock.settle();
  assert.deepEqual(await notesOf(world.system), ["a", "b"]);
  assert.deepEqual(lettersOf(world.system), ['unknown-operation 1 "1"', "invalid-payload 2 7"]);
  const codes = world.transport.taken.map((parcel) =>
    /"code":"([a-z-]+)".*"id":"(\d)"/.exec(shown(parcel))?.slice(1)
  );
  assert.deepEqual(codes.toSorted(), [["invalid-payload", "2"], ["invalid-payload", "3"], [
    "unknown-operation",
    "1",
  ]]);
});

Deno.test("a submit is answered, and an ask as well, but not twice", async () => {
  await using world = await started();
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const ask = delivered("total", undefined, { id: "t", replyTo: "q", correlationId: "c2" });
  await receiving.take(
    [delivered("settle", "tea", { id: "s", replyTo: "q", correlationId: "c1" }), ask],
    tenure,
  );
  await world.clock.settle();
  await receiving.take([{ ...ask, again: true }], tenure);
  await world.clock.settle();
  assert.deepEqual(world.transport.taken.map(shown).slice(0, 2), [
    'q c1 json "settled tea"',
    'q c2 json ["tea"]',
  ]);
  assert.match(shown(world.transport.taken[2]), /^q c2 problem\+json \{"code":"outcome-unknown"/);
});

Deno.test("a submit that runs is taken back, and does not run if it is handed over again", async () => {
  const ran: string[] = [];
  const gate = Promise.withResolvers<string>();
  const onSettle = (text: string) => {
    ran.push(text);
    return text === "tea" ? gate.promise : `settled ${text}`;
  };
  await using world = await started({ onSettle });
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const request = (text: string, correlationId: string) =>
    delivered("settle", text, { id: text, replyTo: "q", correlationId });
  const [tea, milk] = [request("tea", "c1"), request("milk", "c2")];
  const taking = receiving.take([tea, milk, milk, tea, cancelling("milk", "c2")], tenure); // with copies
  await world.clock.settle();
  await receiving.take([cancelling("tea", "guessed"), cancelling("milk", "c2")], tenureOf());
  await world.clock.settle();
  assert.deepEqual(
    world.transport.taken.length,
    1,
    "it was told once, and who guesses a name takes nothing back",
  );
  await receiving.take([cancelling("tea", "c1")], tenureOf());
  assert.deepEqual(await taking, [], "nothing of the batch is left");
  gate.resolve("settled tea");
  await receiving.take([tea, request("rice", "c3")], tenureOf());
  await world.clock.settle();
  assert.deepEqual(ran, ["tea", "rice"]);
  assert.deepEqual(await notesOf(world.system), ["rice"]);
  const cancelled = (correlationId: string) =>
    new RegExp(`^q ${correlationId} problem.*"outcome":"cancelled"`);
  assert.equal(world.transport.taken.length, 3);
  assert.match(shown(world.transport.taken[0]), cancelled("c2"));
  assert.match(shown(world.transport.taken[1]), cancelled("c1"));
  assert.equal(shown(world.transport.taken[2]), 'q c3 json "settled rice"');
  assert.equal(world.system.stats().cancelled, 4);
});

Deno.test("a submit that is answered later is withdrawn by what comes right behind it", async () => {
  await using world = await started({ onSettle: (_text, later) => later() });
  const { clock } = world;
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const turns: (() => void)[] = []; // of the event loop, for which all that runs without it does not wait
  let nowMs = clock.monotonicMs();
  clock.monotonicMs = () => nowMs += 10; // so that none of them runs more than one actor
  clock.yield = (run) => void turns.push(run);
  const request = delivered("settle", "tea", { id: "tea", replyTo: "q", correlationId: "c" });
  await receiving.take([request], tenure);
  const taking = receiving.take([cancelling("tea", "guessed"), cancelling("tea", "c")], tenure);
  for (let count = 0; count < 2_000; count++) {
    await Promise.resolve();
    if (count % 100 === 99) turns.shift()?.();
  }
  await taking;
  await clock.settle();
  assert.equal(world.transport.taken.length, 1);
  assert.match(shown(world.transport.taken[0]), /^q c problem.*"outcome":"withdrawn"/);
});

Deno.test("an ask that a log hands over again is not run again", async () => {
  await using world = await started();
  const receiving = world.receiver();
  const ask = (id: string, position: number) =>
    delivered("total", undefined, { id, position, replyTo: "q", correlationId: id });
  const codeOf = (at: number) => /"code":"([a-z-]+)/.exec(shown(world.transport.taken[at]))?.[1];
  for (const epoch of ["log", "log", "log made anew"]) {
    const tenure = tenureOf("0", epoch);
    await receiving.begin(tenure);
    await receiving.take([ask("a", 4), ask("b", 5)], tenure);
    await world.clock.settle();
  }
  assert.deepEqual(world.transport.taken.map(({ correlationId }) => correlationId), [
    "a",
    "b",
    "a",
    "b",
    "a",
    "b",
  ]);
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(codeOf), [
    undefined,
    undefined,
    "outcome-unknown",
    "outcome-unknown",
    undefined,
    undefined,
  ]);
});

Deno.test("why a batch is not taken is reported once, until one is taken", async () => {
  const gate = Promise.withResolvers<void>();
  await using world = await started({ onAdd: (text) => text === "0" ? gate.promise : undefined }, {
    mailbox: { capacity: 1 },
  });
  const reported: string[] = [];
  world.system.inspect((event) => {
    if (event.type === "transport-failed") reported.push((event.error as PosthornError).code);
  });
  const receiving = world.receiver();
  const texts = Array.from({ length: 30 }, (_, index) => String(index));
  for (const round of [1, 2]) {
    const tenure = tenureOf();
    await receiving.begin(tenure);
    const again = additions(texts.slice(round === 1 ? 0 : 11), { again: round > 1 });
    const refused = assert.rejects(receiving.take(again, tenure), { code: "mailbox-full" });
    await world.clock.advance(70_000);
    await refused;
  }
  assert.deepEqual(reported, ["mailbox-full"]);
  gate.resolve();
  await world.clock.settle();
});

Deno.test("a full mailbox makes its shard wait, and ends the tenure after a minute", async () => {
  const gate = Promise.withResolvers<void>();
  await using world = await started({ onAdd: (text) => text === "0" ? gate.promise : undefined }, {
    mailbox: { capacity: 1 },
  });
  const receiving = world.receiver();
  const texts = Array.from({ length: 30 }, (_, index) => String(index));
  const first = tenureOf();
  await receiving.begin(first);
  const refused = assert.rejects(receiving.take(additions(texts), first), { code: "mailbox-full" });
  await world.clock.advance(70_000);
  await refused;
  gate.resolve();
  await world.clock.settle();
  const second = tenureOf();
  await receiving.begin(second);
  const taking = receiving.take(additions(texts.slice(11), { again: true }), second);
  await world.clock.advance(5_000);
  await taking;
  assert.deepEqual(await notesOf(world.system), texts);
});

Deno.test("shards that wait for the same mailbox do not overfill it", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using world = await started({ onAdd: (text) => gates[Number(text)]?.promise }, {
    mailbox: { capacity: 1 },
  });
  const receiving = world.receiver();
  const take = async (...texts: string[]) => {
    const tenure = tenureOf(`of ${texts[0]}`);
    await receiving.begin(tenure);
    await receiving.take(additions(texts), tenure);
  };
  const texts = Array.from({ length: 11 }, (_, index) => String(index));
  const taking = [take(...texts), take("a"), take("b"), take("c")];
  await world.clock.advance(2_000);
  gates[0].resolve(); // one leaves, and three wait for its place
  await world.clock.advance(2_000);
  assert.deepEqual(lettersOf(world.system), []);
  gates[1].resolve();
  await world.clock.advance(5_000);
  await Promise.all(taking);
  assert.deepEqual((await notesOf(world.system)).toSorted(), [...texts, "a", "b", "c"].toSorted());
});

Deno.test("an event comes to the subscribers of a system without a store", async () => {
  await using world = await started();
  const heard: string[] = [];
  using _listening = world.system.subscribe(Market.settled, (text) => void heard.push(text));
  const receiving = world.receiver("event market.settled");
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await receiving.take(
    [delivered("settled", "de a", { id: "1" }), delivered("settled", "de b", { id: "2" })],
    tenure,
  );
  await world.clock.settle();
  assert.deepEqual(heard, ["de a", "de b"]);
  const own = delivered("settled", "own", { id: "3", headers: { "posthorn-sender": "orders" } });
  await receiving.take([own, delivered("settled", 7, { id: "4" })], tenure);
  await world.clock.settle();
  assert.deepEqual(heard, ["de a", "de b"]);
});

Deno.test("a message that a stop leaves over is not acknowledged, and nobody is told that it failed", async () => {
  await using world = await started({ onSettle: () => "settled", onAdd: () => new Promise(() => {}) });
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const left = assert.rejects(
    receiving.take([
      ...additions(["a"]),
      delivered("settle", "tea", { id: "s", replyTo: "q", correlationId: "c" }),
    ], tenure),
    { code: "stopping" },
  );
  await world.clock.settle();
  const stopping = world.system.stop({ drainMs: 0 });
  await world.clock.advance(10_000);
  await stopping;
  await left;
  assert.deepEqual(world.transport.taken, []);
});

Deno.test("a batch that comes after the stop, in a tenure that has ended, is refused once", async () => {
  await using world = await started();
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  await world.system.stop();
  tenure.end();
  // Its turns fail as well, and nobody waits for them: that must not be an uncaught rejection.
  await assert.rejects(receiving.take(additions(["a"]), tenure), /the tenure has ended/);
});

Deno.test("a stop lets the turns of a batch end, and acknowledges it", async () => {
  const gate = Promise.withResolvers<void>();
  await using world = await started({ onAdd: () => gate.promise });
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  const taking = receiving.take(additions(["a"]), tenure);
  await world.clock.settle();
  const stopping = world.system.stop({ drainMs: 5_000 });
  await world.clock.advance(1_000);
  gate.resolve();
  await world.clock.advance(1_000);
  assert.deepEqual(await taking, []);
  await world.clock.advance(10_000);
  await stopping;
});

inMemory("beside a store a turn in memory is over before its batch is accepted", async (stage) => {
  const gate = Promise.withResolvers<void>();
  const walker = order({ onAdd: (text) => text === "b" ? gate.promise : undefined }, { transient: true });
  const { receiver, system } = await reader(stage, {}, [walker]);
  const receiving = receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  let settled = false;
  const taking = receiving.take(additions(["a", "b", "a", "c"]), tenure).then(() => settled = true);
  await stage.settle();
  assert.equal(settled, false);
  assert.deepEqual(await stage.keys("source"), []);
  gate.resolve();
  await taking;
  assert.equal((await stage.keys("source")).length, 1);
  await receiving.take(additions(["c", "d"], { again: true }), tenure);
  await stage.settle();
  assert.deepEqual(await notesOf(system), ["a", "b", "c", "d"]);
});

inMemory("beside a store a message in memory comes again if its process dies in its turn", async (stage) => {
  const never = new Promise<void>(() => {});
  const stuck = order({ onAdd: (text) => text === "b" ? never : undefined }, { transient: true });
  const first = await reader(stage, {}, [stuck]);
  const before = tenureOf();
  const receiving = first.receiver();
  await receiving.begin(before);
  await receiving.take(additions(["a"]), before);
  void receiving.take(additions(["b", "c"]), before).catch(() => {});
  await stage.settle();
  await stage.kill(first.system);
  const second = await reader(stage, {}, [order({}, { transient: true })]);
  const next = second.receiver();
  const after = tenureOf();
  await next.begin(after);
  await next.take(additions(["a", "b", "c"], { again: true }), after);
  await stage.settle();
  assert.deepEqual(await notesOf(second.system), ["b", "c"], "what was accepted is not run again");
});

inMemory(
  "beside a store a copy of a message in memory is not run, whatever the broker says of it",
  async (stage) => {
    let runs = 0;
    const walker = order({ onAdd: () => void runs++ }, { transient: true });
    const { receiver, system } = await reader(stage, {}, [walker]);
    const receiving = receiver();
    const tenure = tenureOf();
    await receiving.begin(tenure);
    await receiving.take(additions(["a"]), tenure);
    await receiving.take(additions(["b", "a", "c"]), tenure);
    await stage.settle();
    assert.equal(runs, 3);
    assert.deepEqual(await notesOf(system), ["a", "b", "c"]);
  },
);

Deno.test("a batch ends although a handler never settles, if its actor has a turnMs", async () => {
  const onAdd = (text: string) => text === "b" ? new Promise<never>(() => {}) : undefined;
  const traits = { turnMs: 1_000, retry: { attempts: 1 }, onFailure: "resume" };
  await using world = await started({ onAdd }, traits);
  const receiving = world.receiver();
  const tenure = tenureOf();
  await receiving.begin(tenure);
  let rejected: unknown;
  void receiving.take(additions(["a", "b", "c"]), tenure).then((result) => rejected = result);
  await world.clock.settle();
  assert.equal(rejected, undefined);
  await world.clock.advance(1_000);
  assert.deepEqual(rejected, []);
  assert.deepEqual(world.system.deadLetters.list().map(({ reason }) => reason), ["turn-timeout"]);
});
