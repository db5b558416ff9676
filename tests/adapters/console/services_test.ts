// A console beside further instances and services.

import assert from "node:assert/strict";
import { actor, protocol, System, tell } from "@posthorn/posthorn";
import { console as posthornConsole, type ConsoleSystem } from "@posthorn/posthorn/console";
import { memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { fakeObservation, fakeSystem } from "./fake_system.ts";

const Order = protocol("order", { add: tell() });
const Ledger = protocol("ledger", { record: tell() });
const order = actor(Order, { state: () => 0, on: { add: (ctx) => void ctx.state++ } });
const ledger = actor(Ledger, { state: () => 0, on: { record: (ctx) => void ctx.state++ } });

/** What a page says, without its markup. */
async function textOf(system: ConsoleSystem, page: string): Promise<string> {
  const app = posthornConsole(system, { authorize: () => true });
  const html = await (await app.request(`/${page}`)).text();
  return html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

Deno.test("a console shows all instances on the store, and the actors of another one", async () => {
  const clock = new VirtualClock();
  const store = memoryStore();
  await using one = new System({ actors: [order], store, clock, peers: [Ledger] });
  await using other = new System({ actors: [ledger], store, clock });
  await Promise.all([one.ready(), other.ready()]);
  await one.ref(Ledger, "main").tell(Ledger.record);
  await clock.advance(5_000);
  const service = await textOf(one, "service");
  assert.equal(service.match(/this process/g)?.length, 2, "once as its state, once as an instance");
  assert.match(service, /Hosts .*ledger.* order|Hosts .*order.* ledger/);
  assert.match(await textOf(one, "actors?protocol=ledger"), /ledger\/ main 0 – 1 /);
  assert.match(await textOf(other, "protocols"), /ledger hosted 1 0 .*order hosted/);
});

Deno.test("a console shows messages of protocols that nobody hosts", async () => {
  const clock = new VirtualClock();
  const store = memoryStore();
  await using one = new System({ actors: [order], store, clock, peers: [Ledger] });
  await one.ready();
  await one.ref(Ledger, "main").tell(Ledger.record);
  await clock.advance(1_000);
  assert.match(await textOf(one, "overview"), /nobody hosts it ledger messages waiting: 1/);
  assert.match(await textOf(one, "service"), /Mail that nobody hosts .*ledger nobody hosts it 0 1 1 s ago/);
});

Deno.test("a console shows what waits for other services, and the state of the broker", async () => {
  const clock = new VirtualClock();
  const broker = memoryBroker();
  await using shop = new System({
    name: "shop",
    actors: [order],
    store: memoryStore(),
    clock,
    transport: memoryTransport({ broker }),
    remote: [Ledger],
  });
  await shop.ready();
  await shop.ref(Ledger, "main").tell(Ledger.record); // nobody takes it
  const service = await textOf(shop, "service");
  assert.match(service, /transport memory connected/);
  assert.match(service, /To other services .*inbox:ledger 1 now/);
  assert.doesNotMatch(service, /Read by/, "nothing was accepted of a shard");
});

Deno.test("a console shows which instance reads which shard, also one whose process has no broker", async () => {
  const clock = new VirtualClock();
  const broker = memoryBroker();
  const store = memoryStore();
  const transport = memoryTransport({ broker, expose: [Order.add] });
  await using shop = new System({ name: "shop", actors: [order], store, clock, transport });
  await using desk = new System({ actors: [], store, clock });
  await using books = new System({
    name: "books",
    actors: [ledger],
    clock,
    transport: memoryTransport({ broker }),
    remote: [Order.add],
  });
  await Promise.all([shop.ready(), desk.ready(), books.ready()]);
  await clock.advance(5_000);
  await books.ref(Order, "ada").tell(Order.add);
  await clock.advance(5_000);
  const { items: [{ shard, instance }] } = await shop.observe.tenures();
  const table = new RegExp(
    `To other services .*Channel Shard Read by Last accepted inbox:order ${shard} ${instance} 5 s ago`,
  );
  assert.match(await textOf(shop, "service"), table);
  assert.match(await textOf(desk, "service"), table);
});

Deno.test("a console says how many rows of shards it leaves out, and that there are more", async () => {
  const shown = (page: Awaited<ReturnType<ConsoleSystem["observe"]["tenures"]>>) =>
    textOf(fakeSystem({ observe: fakeObservation({ tenures: () => Promise.resolve(page) }) }), "service");
  const shard = { channel: "replies", shard: "0", instance: "one" };
  const some = await shown({ items: [shard], next: "replies", unreadable: 2 });
  assert.match(
    some,
    /Last accepted replies 0 one – 2 rows of this page cannot be read .* There are more shards\./,
  );
  assert.match(
    await shown({ items: [], unreadable: 1 }),
    /To other services Nothing waits to be sent\. 1 row of/,
  );
  assert.doesNotMatch(await shown({ items: [] }), /To other services/);
});
