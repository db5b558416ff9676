// The end of a system with a transport: nothing of it is left, whenever it comes.

import assert from "node:assert/strict";
import { actor, protocol, System, tell } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import type { TransportConnection, TransportServices } from "@posthorn/posthorn/transport";
import * as z from "zod";
import { FakeTransport } from "./fake_transport.ts";

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
}
