// What a system with a transport refuses at its start, and in which words.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  event,
  protocol,
  survey,
  System,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { FakeTransport } from "./fake_transport.ts";

const Order = protocol("order", {
  add: tell(z.string()),
  note: tell(unchecked<string>()),
  total: ask(z.number()),
  settled: event(z.string()),
  quote: survey(z.number(), z.number()),
});
const Ledger = protocol("ledger", { note: tell(z.string()), read: ask(z.string()), closed: event() });
const order: Actor = actor(Order, {
  state: () => 0,
  on: { add: () => {}, note: () => {}, total: (ctx) => ctx.state, quote: () => undefined },
});

function refusal(options: Partial<SystemOptions>): string {
  try {
    new System({ actors: [order], log: false, ...options });
  } catch (error) {
    assert.ok(error instanceof TypeError || error instanceof RangeError);
    return error.message;
  }
  return "accepted";
}

async function started(options: Partial<SystemOptions>): Promise<System> {
  const system = new System({
    actors: [order],
    name: "shop",
    log: false,
    clock: new VirtualClock(),
    ...options,
  });
  await system.ready();
  return system;
}

Deno.test("remote needs a transport, and a transport needs a name", () => {
  assert.equal(
    refusal({ remote: [Ledger] }),
    "Cannot start the system: `remote` names other services, and no `transport` reaches them",
  );
  assert.equal(
    refusal({ transport: new FakeTransport() }),
    "Cannot start the system: with a `transport` it needs a `name`, which other services know",
  );
  for (const name of ["", "Shop", "1shop", "shop_a", "x".repeat(65)]) {
    assert.match(refusal({ name, transport: new FakeTransport() }), /^Cannot use name: it must match/);
  }
});

Deno.test("what is listed is protocols and operations, and a misspelt one is told", () => {
  const misspelt = (Order as unknown as Record<string, typeof Order.add>).ad;
  for (const entry of [misspelt, null, "order", {}, order] as unknown as (typeof Order.add)[]) {
    const why = "its entry 1 is neither a protocol nor an operation of one";
    const exposing = new FakeTransport([Order.add, entry]);
    assert.equal(refusal({ name: "shop", transport: exposing }), `Cannot use expose: ${why}`);
    const remote = [Ledger, entry];
    assert.equal(
      refusal({ name: "shop", transport: new FakeTransport(), remote }),
      `Cannot use remote: ${why}`,
    );
  }
  assert.equal(
    refusal({ name: "shop", transport: new FakeTransport(), remote: Ledger as never }),
    "Cannot use remote: it must be a list of protocols and operations",
  );
});

Deno.test("a transport carries its engine", () => {
  const { traits, expose, open } = new FakeTransport();
  const transport = { traits, expose, open } as never;
  assert.match(refusal({ name: "shop", transport }), /^Cannot use the transport fake: it has no engine/);
  for (const other of ["amqp://127.0.0.1", {}, null] as never[]) {
    assert.match(refusal({ name: "shop", transport: other }), /^Cannot use the transport: it has no engine/);
  }
});

Deno.test("what is exposed is hosted, is not unchecked, and is one protocol of that name", async () => {
  const of = (...expose: FakeTransport["expose"]) =>
    refusal({ name: "shop", transport: new FakeTransport(expose) });
  assert.equal(of(Ledger.note), "Cannot expose ledger.note: this system hosts no actor of ledger");
  assert.equal(
    of(Order.note),
    "Cannot expose order.note: its payload is unchecked, and input from outside must be validated: give it a schema",
  );
  const Market = protocol("market", {
    closed: event(unchecked<string>()),
    quote: survey(unchecked<string>(), z.string()),
  });
  const why = "its payload is unchecked, and input from outside must be validated: give it a schema";
  assert.equal(of(Market.quote), `Cannot expose market.quote: ${why}`); // others ask it here
  await using _system = await started({ transport: new FakeTransport([Market.closed]) }); // others hear it
  for (const heard of [Market.closed, Market.quote]) {
    const refused = refusal({ name: "shop", transport: new FakeTransport(), remote: [heard] });
    assert.equal(refused, `Cannot hear market.${heard.name} of other services: ${why}`);
  }
  const Other = protocol("order", { add: tell(z.string()) });
  assert.equal(
    of(Other.add),
    "Cannot expose order.add: the order that this system hosts has another operation of that name",
  );
});

Deno.test("no protocol is hosted and remote, but events and surveys may be", async () => {
  const transport = () => new FakeTransport([Order.settled, Order.quote]);
  assert.equal(
    refusal({ name: "shop", transport: transport(), remote: [Order.add] }),
    "Cannot reach order.add in another service: this system hosts order itself",
  );
  await using _system = await started({
    transport: transport(),
    remote: [Order.settled, Order.quote, Ledger],
  });
});

Deno.test("an event may be exposed although nothing here hosts its protocol", async () => {
  await using _system = await started({ transport: new FakeTransport([Ledger.closed]) });
});

Deno.test("what is neither hosted nor remote is told with a suggestion", async () => {
  await using system = await started({ transport: new FakeTransport(), remote: [Ledger.note] });
  const Ordr = protocol("ordr", { add: tell() });
  await assert.rejects(system.ref(Ordr, "ada").tell(Ordr.add), {
    code: "unknown-protocol",
    message:
      "Cannot speak to ordr: this system hosts no actor of it, and neither `peers` nor `remote` names it. Did you mean order?",
  });
  const Stranger = protocol("stranger", { add: tell() });
  await assert.rejects(system.ref(Stranger, "ada").tell(Stranger.add), {
    code: "unknown-protocol",
    message:
      "Cannot speak to stranger: this system hosts no actor of it, and neither `peers` nor `remote` names it",
  });
});

Deno.test("of a protocol of which remote names one operation, no other can be reached", async () => {
  await using system = await started({ transport: new FakeTransport(), remote: [Ledger.note] });
  const main = system.ref(Ledger, "main");
  await main.tell(Ledger.note, "one");
  await assert.rejects(main.ask(Ledger.read), { code: "unknown-operation" });
});

Deno.test("an event that only others publish cannot be published here, in a turn or outside", async () => {
  const Shop = protocol("shop", { close: tell() });
  const shop = actor(Shop, {
    state: () => 0,
    on: { close: (ctx) => ctx.publish(Ledger.closed) },
    retry: { attempts: 1 },
  });
  for (const store of [memoryStore(), undefined]) {
    const transport = new FakeTransport();
    await using system = await started({
      actors: [shop],
      transport,
      remote: [Ledger],
      ...store && { store },
    });
    await assert.rejects(system.publish(Ledger.closed), {
      code: "unknown-operation",
      message: /^Cannot publish ledger.closed: it is in `remote`/,
    });
    await system.ref(Shop, "a").tell(Shop.close);
    await (system.clock as VirtualClock).settle();
    assert.deepEqual(system.deadLetters.list().map(({ reason }) => reason), ["failed"]);
    assert.deepEqual(transport.batches, []);
  }
});

Deno.test("channels are those of what is exposed, of what is heard, and of replies", async () => {
  const transport = new FakeTransport([Order.add, Order.total, Order.settled, Order.quote]);
  const store = memoryStore();
  await using _system = await started({ transport, store, remote: [Ledger] });
  assert.deepEqual([...transport.receivers.keys()].toSorted(), [
    "event ledger.closed",
    "event order.quote",
    "inbox order",
    "process",
    "replies",
  ]);
});

Deno.test("a system is ready when the broker has its channels, or is away", async () => {
  const clock = new VirtualClock();
  const ready = async (transport: FakeTransport, act: () => void | Promise<void>): Promise<string[]> => {
    const seen: string[] = [];
    const system = new System({ actors: [order], name: "shop", log: false, clock, transport });
    system.ready().then(() => seen.push("ready"), (error) => seen.push(String(error)));
    await clock.settle();
    seen.push("then");
    await act();
    await clock.settle();
    await system.stop({ drainMs: 0 });
    return seen;
  };
  const slow = () => {
    const transport = new FakeTransport([Order.add]);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    transport.declared = promise;
    promise.catch(() => {});
    return { transport, resolve, reject };
  };
  const { transport, resolve } = slow();
  assert.deepEqual(await ready(transport, resolve), ["then", "ready"]);
  const away = slow().transport;
  away.state = { status: "connecting", reason: "nobody answers" };
  assert.deepEqual(await ready(away, () => {}), ["ready", "then"]);
  const leaving = slow().transport;
  const leaves = () => void (leaving.state = { status: "refused", reason: "wrong password" });
  assert.deepEqual(await ready(leaving, leaves), ["then", "ready"]);
  assert.deepEqual(await ready(slow().transport, () => clock.advance(5_000)), ["then", "ready"]);
  const { transport: taken, reject } = slow();
  const refuses = () => reject(new Error("another service has it"));
  assert.deepEqual(await ready(taken, refuses), ["then", "Error: another service has it"]);
});

Deno.test("a transport that will never work refuses what is sent, and says so", async () => {
  for (const store of [undefined, memoryStore()]) {
    const transport = new FakeTransport();
    const clock = new VirtualClock();
    transport.openFails = new RangeError("Cannot use url: it is no url");
    const system = new System({
      actors: [],
      name: "shop",
      log: false,
      clock,
      transport,
      remote: [Ledger],
      ...store && { store },
    });
    await assert.rejects(system.ready(), /Cannot use url/);
    await assert.rejects(system.ref(Ledger, "main").tell(Ledger.note, "one"), /Cannot use url/);
    assert.deepEqual(system.health.transport, {
      name: "fake",
      status: "refused",
      reason: "Cannot use url: it is no url",
    });
    await system.stop({ drainMs: 0 });
  }
});
