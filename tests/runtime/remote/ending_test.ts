// The end of a system with a transport: nothing of it is left, whenever it comes.

import assert from "node:assert/strict";
import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { TransportConnection, TransportServices } from "@posthorn/posthorn/transport";
import * as z from "zod";
import { FakeTransport } from "./fake_transport.ts";
import { Services } from "./services.ts";

const Order = protocol("order", { add: tell(z.string()) });
const order = actor(Order, { state: () => 0, on: { add: () => {} } });

/** A transport that is open when a test says so. */
class SlowTransport extends FakeTransport {
  readonly gate = Promise.withResolvers<void>();

  override async open(services: TransportServices): Promise<TransportConnection> {
    await this.gate.promise;
    return await super.open(services);
  }
}

for (const stored of [true, false]) {
  const where = stored ? "with a store" : "without a store";
  Deno.test(`${where}, a stop waits for a connection that is being opened, and closes it`, async () => {
    const clock = new VirtualClock();
    const transport = new SlowTransport();
    const system = new System({
      name: "shop",
      actors: [order],
      transport,
      clock,
      log: false,
      ...stored && { store: memoryStore() },
    });
    for (let round = 0; round < 20; round++) await clock.settle(); // the parts are loaded
    let stopped = false;
    const stopping = system.stop({ drainMs: 0 }).then(() => stopped = true);
    for (let round = 0; round < 20; round++) await clock.settle();
    assert.equal(stopped, false);
    transport.gate.resolve();
    await stopping;
    assert.deepEqual([transport.services.length, transport.closed], [1, 1]);
    assert.equal(clock.waiting, 0);
  });

  Deno.test(`${where}, a stop does not wait for a turn that does not end`, async () => {
    const clock = new VirtualClock();
    const transport = new FakeTransport([Order.add]);
    const hung = actor(Order, {
      state: () => 0,
      transient: true,
      on: { add: () => new Promise<void>(() => {}) },
    });
    const system = new System({
      name: "shop",
      actors: [hung],
      transport,
      clock,
      log: false,
      ...stored && { store: memoryStore() },
    });
    await system.ready();
    const receiver = transport.receivers.get("inbox order")!;
    const tenure = { shard: "0", signal: new AbortController().signal };
    await receiver.begin(tenure);
    const delivery = {
      key: "a",
      operation: "add",
      body: new TextEncoder().encode('"x"'),
      headers: {},
      again: false,
    };
    const taking = receiver.take([delivery], tenure);
    transport.onDrain = () => taking.then(() => {}, () => {});
    await clock.settle();
    const fromMs = clock.monotonicMs();
    let stopped = false;
    const stopping = system.stop({ drainMs: 0 }).then(() => stopped = true);
    for (let round = 0; round < 20; round++) await clock.settle();
    assert.equal(stopped, true);
    await stopping;
    assert.equal(clock.monotonicMs(), fromMs);
    await assert.rejects(taking, { code: "stopping" }); // it comes again to another process
  });
}

for (const stored of [true, false]) {
  for (const transient of [true, false]) {
    const where = `${stored ? "with" : "without"} a store, an ask of ${
      transient ? "an actor in memory" : "an actor"
    }`;
    Deno.test(`${where} of another service fails at once when that stops`, async () => {
      await using services = new Services();
      const Oven = protocol("oven", { bake: ask(z.string()) });
      const oven = actor(Oven, {
        transient,
        state: () => 0,
        on: { bake: () => new Promise<string>(() => {}) },
      });
      const store = () => stored ? { store: memoryStore() } : {};
      const shop = await services.start("shop", [oven], { ...store(), expose: [Oven] });
      const books = await services.start("books", [], { ...store(), remote: [Oven] });
      const asks = [1, 2].map(() => books.ref(Oven, "a").ask(Oven.bake, { timeoutMs: 60_000 }));
      const failures = asks.map((asked) => assert.rejects(asked, { code: "stopping" })); // one runs, one waits
      await services.pass(200);
      const beganMs = services.clock.now();
      await services.during(shop.stop({ drainMs: 0 }));
      await services.during(Promise.all(failures), 70_000);
      assert.ok(services.clock.now() - beganMs < 2_000, "it does not wait for its time-out");
    });
  }
}
