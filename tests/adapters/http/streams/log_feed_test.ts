import assert from "node:assert/strict";
import type { EventLog, LoggedEvent } from "@posthorn/posthorn";
import type { IngressSystem } from "@posthorn/posthorn/http";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { LogFeed } from "../../../../adapters/http/streams/log_feed.ts";
import { windowSize } from "../../../../adapters/http/streams/topic_log.ts";
import { Order } from "../desk.ts";

/** A log that answers when the test lets it. */
class SlowLog implements EventLog {
  readonly events: LoggedEvent[] = [];
  readonly closed = Promise.withResolvers<unknown>();
  readonly clock = new VirtualClock();
  /** The sequence numbers after which it was read. */
  readonly reads: number[] = [];
  held: (() => void)[] | undefined;
  #onChange = () => {};

  feed(eventsMax = 1_000, charactersMax = 1_000_000): LogFeed {
    const { clock } = this;
    const system: Partial<IngressSystem> = { clock, closed: this.closed.promise, eventLog: () => this };
    return new LogFeed(system as IngressSystem, [Order.paused], { eventsMax, charactersMax });
  }

  /** Adds this many events, and notifies. */
  add(count: number, payload: unknown = "a"): void {
    for (let added = 0; added < count; added++) {
      this.events.push({ number: this.events.length + 1, id: "x", subject: "", payload });
    }
    this.#onChange();
  }

  latest(): Promise<number> {
    return Promise.resolve(this.events.length);
  }

  async read(after: number, limit: number): Promise<LoggedEvent[]> {
    this.reads.push(after);
    const found = this.events.slice(after, after + limit);
    const { held } = this;
    if (held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    return found;
  }

  watch(onChange: () => void): Disposable {
    this.#onChange = onChange;
    return { [Symbol.dispose]: () => this.#onChange = () => {} };
  }
}

const events = new Set(["paused"]);

Deno.test("a reader of a LogFeed that joins an older read reads again", async () => {
  const log = new SlowLog();
  const feed = log.feed();
  const [early, late] = [
    await feed.open({ events, lastEventId: undefined }),
    await feed.open({ events, lastEventId: undefined }),
  ];
  log.held = [];
  const first = early.read();
  await log.clock.settle();
  log.add(1); // the read in progress does not contain it
  const second = late.read();
  await log.clock.settle();
  const release = log.held;
  log.held = undefined;
  for (const resolve of release) resolve();
  assert.deepEqual([(await first)?.id, (await second)?.id], ["paused:1", "paused:1"]);
});

Deno.test("a reader of a LogFeed that starts to wait just after a change is woken at once", async () => {
  const log = new SlowLog();
  const reader = await log.feed().open({ events, lastEventId: undefined });
  assert.equal(await reader.read(), undefined);
  let woken = 0;
  reader.wait(() => woken++)();
  log.add(1);
  assert.equal(woken, 0); // it no longer waited
  reader.wait(() => woken++);
  assert.equal(woken, 1);
  assert.equal((await reader.read())?.id, "paused:1");
  reader.wait(() => woken++);
  assert.equal(woken, 1);
  log.add(1);
  assert.equal(woken, 2);
});

Deno.test("a LogFeed keeps the most recently used windows, within its bounds", async () => {
  for (const bounds of [[2 * windowSize, 1_000_000], [1_000_000, 2 * windowSize * 3]] as const) {
    const log = new SlowLog();
    log.add(3 * windowSize); // each is three characters
    const feed = log.feed(...bounds);
    const at = async (number: number) => {
      const before = log.reads.length;
      const reader = await feed.open({ events, lastEventId: `paused:${number}` });
      assert.equal((await reader.read())?.id, `paused:${number + 1}`);
      return log.reads.length - before;
    };
    const [one, two, three] = [0, windowSize, 2 * windowSize];
    const costs: number[] = [];
    for (const number of [one, two, one, three, one, two]) costs.push(await at(number));
    assert.deepEqual(costs, [1, 1, 0, 1, 0, 1]);
  }
});

Deno.test("a LogFeed skips events that JSON cannot represent", async () => {
  const log = new SlowLog();
  const reader = await log.feed().open({ events, lastEventId: undefined });
  for (const payload of [1n, new Map(), [undefined], null]) log.add(1, payload);
  const entry = await reader.read();
  assert.deepEqual([entry?.id, entry?.event, entry?.tokens, entry?.data.json], [
    "paused:4",
    "paused",
    [""],
    "null",
  ]);
  assert.equal(await reader.read(), undefined);
});

Deno.test("a LogFeed that has ended wakes its readers and reads its store no more", async () => {
  const log = new SlowLog();
  const feed = log.feed();
  const reader = await feed.open({ events, lastEventId: undefined });
  log.read = () => Promise.reject(new Error("away"));
  assert.equal(await reader.read(), undefined);
  assert.equal(log.clock.waiting, 1);
  let woken = false;
  reader.wait(() => woken = true);
  log.closed.resolve(undefined);
  await log.clock.settle();
  assert.deepEqual([woken, reader.ended, log.clock.waiting], [true, true, 0]);
});

Deno.test("a LogFeed gives all readers of an event the same data", async () => {
  const log = new SlowLog();
  const feed = log.feed();
  const [one, other] = [
    await feed.open({ events, lastEventId: undefined }),
    await feed.open({ events, lastEventId: undefined }),
  ];
  log.add(1, "a");
  const [first, second] = [await one.read(), await other.read()];
  assert.equal(first!.data, second!.data);
});
