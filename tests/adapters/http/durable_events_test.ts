import assert from "node:assert/strict";
import { memoryStore } from "@posthorn/posthorn/memory";
import { type Store, type StoreConnection, StoreError } from "@posthorn/posthorn/store";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Desk, type DeskOptions, Order, PieceReader } from "./desk.ts";

const paused = "/events/order/paused";
const both = "/events/order?event=settled,paused";

/** A store whose connections can be overridden. */
function storeWith(
  store: Store,
  change: (connection: StoreConnection) => Partial<StoreConnection>,
): Store {
  return {
    engine: store.engine,
    traits: store.traits,
    async open(services) {
      const connection = await store.open(services);
      const { read, list, commit, watch, close } = connection;
      const bound = { read, list, commit, watch, close };
      for (const name of ["read", "list", "commit", "watch", "close"] as const) {
        Object.assign(bound, { [name]: connection[name].bind(connection) });
      }
      return { ...bound, ...change(bound) };
    },
  };
}

/** Instances on one store, with one clock. */
class Fleet {
  readonly clock = new VirtualClock();
  readonly store: Store;
  #seed = 0;

  constructor(store: Store = memoryStore()) {
    this.store = store;
  }

  start(options: DeskOptions = {}): Desk {
    const system = { store: this.store, ...options.system };
    return new Desk({ ...options, system, clock: this.clock, seed: ++this.#seed });
  }
}

/** Resolves when all events are in the log. */
async function publish(desk: Desk, ...texts: string[]): Promise<void> {
  const kept = desk.system.eventLog(Order.paused)!;
  const before = await kept.latest();
  for (const text of texts) await desk.system.publish(Order.paused, text);
  while (await kept.latest() < before + texts.length) await desk.clock.settle();
}

async function settle(desk: Desk, ...cents: number[]): Promise<void> {
  const kept = desk.system.eventLog(Order.settled)!;
  const before = await kept.latest();
  for (const each of cents) await desk.system.publish(Order.settled, { country: "de", cents: each });
  while (await kept.latest() < before + cents.length) await desk.clock.settle();
}

/** A reader, and its first frame. */
async function follow(desk: Desk, path: string, lastEventId?: string): Promise<[PieceReader, string]> {
  const headers: Record<string, string> = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
  const response = await desk.get(path, headers);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const reader = new PieceReader(response);
  return [reader, (await reader.next())!];
}

function idOf(frame: string | undefined): string | undefined {
  return /^id: (.*)$/m.exec(frame ?? "")?.[1];
}

function dataOf(frame: string | undefined): unknown {
  return JSON.parse(/^data: (.*)$/m.exec(frame ?? "")?.[1] ?? "null");
}

Deno.test("a stream of a durable event begins with its position, and its frames have positions in the log as ids", async () => {
  await using desk = new Fleet().start();
  await publish(desk, "before");
  const [reader, first] = await follow(desk, paused);
  assert.equal(first, "retry: 2000\nid: paused:1");
  await publish(desk, "a", "b");
  assert.deepEqual(await reader.take(2), ['id: paused:2\ndata: "a"', 'id: paused:3\ndata: "b"']);
  await reader.leave();
});

Deno.test("an event that one instance publishes reaches readers of another soon, in the same order and with the same ids", async () => {
  const fleet = new Fleet();
  await using desk = fleet.start();
  await using other = fleet.start();
  const [here] = await follow(desk, paused);
  const [there] = await follow(other, paused);
  await publish(desk, "a");
  await publish(other, "b");
  assert.deepEqual(await here.take(2), await there.take(2)); // without advancing the clock
  await Promise.all([here.leave(), there.leave()]);
});

Deno.test("a reader goes on behind its last event after a restart, and at another instance", async () => {
  const fleet = new Fleet();
  {
    await using desk = fleet.start();
    const [reader] = await follow(desk, paused);
    await publish(desk, "a", "b", "c");
    assert.equal(idOf(await reader.next()), "paused:1");
  }
  await using desk = fleet.start();
  await using other = fleet.start();
  for (const one of [desk, other]) {
    const [reader, first] = await follow(one, paused, "paused:1");
    assert.equal(first, "retry: 2000\nid: paused:1");
    assert.deepEqual((await reader.take(2)).map(dataOf), ["b", "c"]);
    await reader.leave();
  }
  const [reader] = await follow(other, `${paused}?lastEventId=paused:2`);
  await publish(desk, "d");
  assert.deepEqual((await reader.take(2)).map(dataOf), ["c", "d"]);
  await reader.leave();
});

Deno.test("a reader that reconnects before the first event misses none", async () => {
  const fleet = new Fleet();
  let id: string | undefined;
  {
    await using desk = fleet.start();
    const [reader, first] = await follow(desk, paused);
    id = idOf(first);
    await reader.leave();
    await publish(desk, "meanwhile");
  }
  await using desk = fleet.start();
  const [reader] = await follow(desk, paused, id);
  assert.equal(dataOf(await reader.next()), "meanwhile");
  await reader.leave();
});

Deno.test("a gap is reported first if the log no longer has the next event, and the stream continues from the end", async () => {
  const fleet = new Fleet();
  await using desk = fleet.start({ system: { limits: { events: 3 } } });
  await publish(desk, "a", "b", "c", "d", "e");
  const [kept, begins] = await follow(desk, paused, "paused:2");
  assert.equal(begins, "retry: 2000\nid: paused:2");
  assert.deepEqual((await kept.take(3)).map(dataOf), ["c", "d", "e"]);
  await kept.leave();
  for (const id of ["paused:1", "paused:0", "paused:99", "settled:3", "x", "01ARZ3NDEKTSV4RRFFQ69G5FAV-3"]) {
    const [reader, first] = await follow(desk, paused, id);
    assert.equal(first, "retry: 2000");
    assert.equal(await reader.next(), `event: gap\nid: paused:5\ndata: {"lastEventId":"${id}"}`);
    await reader.leave();
  }
  const [reader] = await follow(desk, paused, "paused:0");
  await publish(desk, "f");
  assert.deepEqual((await reader.take(2)).map(idOf), ["paused:5", "paused:6"]);
  await reader.leave();
});

Deno.test("an id of a stream of several events has a place in each, in the protocol's order", async () => {
  const fleet = new Fleet();
  const seen: string[] = [];
  let id: string | undefined;
  {
    await using desk = fleet.start();
    const [reader, first] = await follow(desk, "/events/order?event=paused,settled");
    assert.equal(idOf(first), "settled:0,paused:0");
    await publish(desk, "a", "b", "c");
    await settle(desk, 1, 2);
    for (const frame of await reader.take(3)) {
      seen.push(`${/^event: (\S+)/.exec(frame!)![1]} ${dataOf(frame)}`);
    }
    id = idOf(await reader.next());
    assert.match(id!, /^settled:\d,paused:\d$/);
  }
  await using desk = fleet.start();
  const [reader] = await follow(desk, both, id);
  const rest = await reader.next();
  const numbers = (text: string) => text.match(/\d/g)!.map(Number);
  const [settled, pauses] = numbers(id!);
  assert.equal(settled + pauses, 4);
  assert.equal(numbers(idOf(rest)!).reduce((a, b) => a + b), 5);
  await publish(desk, "d");
  assert.equal(idOf(await reader.next()), "settled:2,paused:4");
  await reader.leave();
});

Deno.test("a stream of other events than its id has reports a gap for those, and misses none of the others", async () => {
  await using desk = new Fleet().start();
  await publish(desk, "a", "b");
  await settle(desk, 1);
  const [reader] = await follow(desk, both, "paused:1");
  const [gap, next] = await reader.take(2);
  assert.match(gap!, /^event: gap\nid: settled:1,paused:1\n/);
  assert.equal(next, 'event: paused\nid: settled:1,paused:2\ndata: "b"');
  await reader.leave();
});

Deno.test("a reader gets events at the next heartbeat if the store did not notify of them", async () => {
  const fleet = new Fleet();
  const deaf = storeWith(fleet.store, () => ({ watch: () => ({ [Symbol.dispose]() {} }) }));
  await using desk = fleet.start();
  await using other = fleet.start({ system: { store: deaf } });
  const [reader] = await follow(other, paused);
  await publish(desk, "a");
  const next = reader.next();
  await fleet.clock.advance(2_000);
  assert.equal(dataOf(await next), "a");
  await reader.leave();
});

Deno.test("an idle stream sends its position, so skipped events cause no gap later", async () => {
  await using desk = new Fleet().start();
  const [reader] = await follow(desk, "/events/order/settled?subject=fr.*");
  const next = reader.next();
  await settle(desk, 1, 2);
  await desk.clock.advance(15_000);
  assert.equal(await next, ": keep-alive\nid: settled:2");
  const again = reader.next();
  await desk.clock.advance(15_000);
  assert.equal(await again, ": keep-alive"); // nothing new to tell
  await reader.leave();
});

Deno.test("a stream of one subject gets only its events, with ids that count all events", async () => {
  await using desk = new Fleet().start();
  const [reader] = await follow(desk, "/events/order/settled?subject=fr.*");
  await settle(desk, 1);
  await desk.system.publish(Order.settled, { country: "fr", cents: 2 });
  assert.equal(await reader.next(), 'id: settled:2\ndata: {"country":"fr","cents":2}');
  await reader.leave();
});

Deno.test("a reader that the log has moved past is cut off, and told of the gap when it comes back", async () => {
  await using desk = new Fleet().start({ system: { limits: { events: 5 } }, replayEventsMax: 1 });
  const [slow] = await follow(desk, paused);
  const texts = Array.from({ length: 80 }, (_, index) => String(index));
  await publish(desk, ...texts);
  const frames: (string | undefined)[] = [];
  for (let frame = await slow.next(); frame !== undefined; frame = await slow.next()) frames.push(frame);
  assert.ok(frames.length < 80);
  const [back] = await follow(desk, paused, idOf(frames.at(-1)) ?? "paused:0");
  assert.match((await back.next())!, /^event: gap\nid: paused:80\n/);
  await back.leave();
});

Deno.test("a log is replayed in windows that readers share: many cost hardly more than one, and one that is slow nothing", async () => {
  let reads = 0;
  const store = memoryStore();
  const counting = storeWith(store, ({ list }) => ({
    list(range) {
      if (range.prefix.startsWith("event")) reads++;
      return list(range);
    },
  }));
  await using desk = new Fleet(counting).start();
  const texts = Array.from({ length: 100 }, (_, index) => String(index));
  await publish(desk, ...texts);
  reads = 0;
  const readers = await Promise.all(
    Array.from({ length: 50 }, async () => (await follow(desk, paused, "paused:0"))[0]),
  );
  for (const reader of readers.slice(0, 49)) {
    assert.deepEqual((await reader.take(100)).map(dataOf), texts);
  }
  assert.ok(reads <= 10, `${reads} reads`);
  reads = 0;
  await desk.clock.settle();
  assert.equal(reads, 0); // nothing is read while there is nothing new
  await desk.system.publish(Order.paused, "last");
  assert.deepEqual(
    await Promise.all(readers.slice(0, 49).map(async (reader) => dataOf(await reader.next()))),
    [
      ...Array(49).fill("last"),
    ],
  );
  assert.ok(reads <= 3, `${reads} reads`);
  assert.deepEqual((await readers[49].take(101)).map(dataOf), [...texts, "last"]);
  for (const reader of readers) await reader.leave();
});

Deno.test("a replay is whole and in order however little is kept of it in memory", async () => {
  await using desk = new Fleet().start({ replayEventsMax: 1, replayCharactersMax: 1 });
  const texts = Array.from({ length: 100 }, (_, index) => String(index));
  await publish(desk, ...texts);
  const readers = [0, 0, 40].map((number) => follow(desk, paused, `paused:${number}`));
  const [one, two, three] = (await Promise.all(readers)).map(([reader]) => reader);
  for (const text of texts.slice(0, 60)) {
    for (const reader of [one, two]) assert.equal(dataOf(await reader.next()), text);
    assert.equal(dataOf(await three.next()), String(Number(text) + 40));
  }
  for (const reader of [one, two, three]) await reader.leave();
});

Deno.test("a stream continues when the store answers again, and is told to reconnect if the store does not answer at the start", async () => {
  let away = false;
  const store = memoryStore();
  const failing = storeWith(store, ({ list }) => ({
    list(range) {
      if (!away || !range.prefix.startsWith("event")) return list(range);
      return Promise.reject(new StoreError("store-unavailable", "Cannot list: away"));
    },
  }));
  await using desk = new Fleet(failing).start({ streamsMax: 2 });
  const [reader] = await follow(desk, paused);
  away = true;
  await desk.system.publish(Order.paused, "a");
  const next = reader.next();
  await desk.clock.settle();
  for (let attempt = 0; attempt < 2; attempt++) { // a refused reader is not counted
    const [refused, first] = await follow(desk, paused, "paused:0");
    assert.deepEqual([first, await refused.next()], ["retry: 2000", undefined]);
  }
  away = false;
  await desk.clock.advance(1_000);
  assert.equal(dataOf(await next), "a");
  const [back] = await follow(desk, paused, "paused:0");
  assert.equal(dataOf(await back.next()), "a");
  await Promise.all([reader.leave(), back.leave()]);
});

Deno.test("a stream of a durable event ends with its system, and counts among the streams until then", async () => {
  const fleet = new Fleet();
  const desk = fleet.start({ streamsMax: 1 });
  const [reader] = await follow(desk, paused);
  const [refused, first] = await follow(desk, paused);
  assert.deepEqual([first, await refused.next()], ["retry: 2000", undefined]);
  const end = reader.next();
  await desk[Symbol.asyncDispose]();
  assert.equal(await end, undefined);
});

Deno.test("an event published over HTTP reaches readers of every instance", async () => {
  const fleet = new Fleet();
  const expose = [Order.raised];
  await using desk = fleet.start({ expose });
  await using other = fleet.start({ expose });
  const [reader] = await follow(other, "/events/order/raised");
  const { status } = await desk.post("/events/order/raised", { country: "de", cents: 1 });
  assert.equal(status, 202);
  assert.equal(await reader.next(), 'id: raised:1\ndata: {"country":"de","cents":1}');
  await reader.leave();
});
