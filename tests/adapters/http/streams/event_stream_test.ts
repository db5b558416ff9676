import assert from "node:assert/strict";
import { System } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { MemoryFeed } from "../../../../adapters/http/streams/memory_feed.ts";
import {
  comeBackStream,
  eventStream,
  type EventStreamOptions,
} from "../../../../adapters/http/streams/event_stream.ts";
import { Order, PieceReader } from "../desk.ts";

/** A feed of two events, and streams of it that count when they end. */
class Streaming implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly system = new System({ actors: [], clock: this.clock, random: seededRandom(1) });
  readonly feed: MemoryFeed;
  ended = 0;

  constructor(capacity = 100) {
    this.feed = new MemoryFeed(this.system, [Order.settled, Order.paused], capacity, 1_000_000);
  }

  stream(options: Partial<EventStreamOptions> = {}): ReadableStream<Uint8Array> {
    const all: EventStreamOptions = {
      events: new Set(["settled", "paused"]),
      pattern: undefined,
      named: false,
      lastEventId: undefined,
      retryMs: 2_000,
      keepAliveMs: 15_000,
      ...options,
    };
    return eventStream(this.feed.open(all), this.clock, all, () => this.ended++);
  }

  /** A reader that has read the first frame. */
  async reader(options: Partial<EventStreamOptions> = {}): Promise<PieceReader> {
    const reader = new PieceReader(new Response(this.stream(options)));
    assert.equal(await reader.next(), `retry: ${options.retryMs ?? 2_000}`);
    return reader;
  }

  async publish(...texts: string[]): Promise<void> {
    for (const text of texts) await this.system.publish(Order.paused, text);
    await this.clock.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.system.stop();
  }
}

function dataOf(frame: string | undefined): string | undefined {
  return /^data: (.*)$/m.exec(frame ?? "")?.[1];
}

function idOf(frame: string | undefined): string | undefined {
  return /^id: (.*)$/m.exec(frame ?? "")?.[1];
}

Deno.test("eventStream() says first when to come back, before there is any event", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader({ retryMs: 7 });
  await reader.leave();
});

Deno.test("eventStream() sends unnamed frames of an id and the payload alone", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader();
  await streaming.publish("hello\r\nworld\u2028");
  assert.match((await reader.next())!, /^id: [0-9A-Z]+-0\ndata: "hello\\r\\nworld\u2028"$/);
  await reader.leave();
});

Deno.test("eventStream() names its frames by their event if named is set", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader({ named: true });
  await streaming.publish("a");
  assert.match((await reader.next())!, /^event: paused\nid: \S+\ndata: "a"$/);
  await reader.leave();
});

Deno.test("eventStream() sends only what is wanted", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader({ events: new Set(["settled"]), pattern: ["de", "*"] });
  await streaming.publish("a");
  for (const country of ["fr", "de"]) await streaming.system.publish(Order.settled, { country, cents: 1 });
  await streaming.clock.settle();
  assert.equal(dataOf(await reader.next()), '{"country":"de","cents":1}');
  await reader.leave();
});

Deno.test("eventStream() replays what came after the last event of its reader", async () => {
  await using streaming = new Streaming();
  const first = await streaming.reader();
  await streaming.publish("a", "b", "c");
  const id = idOf(await first.next());
  await first.leave();
  const second = await streaming.reader({ lastEventId: id });
  assert.deepEqual((await second.take(2)).map(dataOf), ['"b"', '"c"']);
  await second.leave();
});

Deno.test("eventStream() reports a gap first if it cannot replay", async () => {
  await using streaming = new Streaming();
  await streaming.publish("lost");
  const reader = await streaming.reader({ lastEventId: 'an"id' });
  const gap = await reader.next();
  assert.match(gap ?? "", /^event: gap\nid: [0-9A-Z]+-0\ndata: {"lastEventId":"an\\"id"}$/);
  await streaming.publish("a");
  assert.equal(dataOf(await reader.next()), '"a"');
  await reader.leave();
});

Deno.test("eventStream() sends a keep-alive after keepAliveMs without frames", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader();
  for (const _ of [1, 2]) {
    const next = reader.next();
    await streaming.clock.advance(14_999);
    let spoken = false;
    void next.then(() => spoken = true);
    await streaming.clock.settle();
    assert.equal(spoken, false);
    await streaming.clock.advance(1);
    assert.equal(await next, ": keep-alive");
  }
  await reader.leave();
});

Deno.test("eventStream() sends a keep-alive also while it skips events", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader({ events: new Set(["settled"]) });
  const next = reader.next();
  for (let i = 0; i < 4; i++) {
    await streaming.publish("not wanted");
    await streaming.clock.advance(5_000);
  }
  await streaming.system.publish(Order.settled, { country: "de", cents: 1 });
  assert.equal(await next, ": keep-alive");
  await reader.leave();
});

Deno.test("eventStream() keeps nothing for a reader that does not read, and cuts it off", async () => {
  await using streaming = new Streaming(10);
  const slow = new PieceReader(new Response(streaming.stream()));
  await streaming.publish(...Array.from({ length: 30 }, (_, i) => String(i)));
  const frames = await slow.take(3);
  assert.deepEqual(frames, ["retry: 2000", undefined, undefined]);
  assert.equal(streaming.ended, 1);
});

Deno.test("eventStream() frees the timer and its place when the reader leaves", async () => {
  await using streaming = new Streaming();
  const before = streaming.clock.waiting;
  const reader = await streaming.reader();
  void reader.next();
  await streaming.clock.settle();
  assert.equal(streaming.clock.waiting, before + 1);
  await reader.leave();
  assert.deepEqual([streaming.clock.waiting, streaming.ended], [before, 1]);
});

Deno.test("eventStream() ends once, when the system has stopped", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader();
  const next = reader.next();
  await streaming.system.stop();
  assert.equal(await next, undefined);
  await reader.leave();
  assert.deepEqual([streaming.clock.waiting, streaming.ended], [0, 1]);
});

Deno.test("eventStream() gives what was published before the end, and then ends", async () => {
  await using streaming = new Streaming();
  const reader = await streaming.reader();
  await streaming.publish("a", "b");
  await streaming.system.stop();
  assert.deepEqual((await reader.take(3)).map(dataOf), ['"a"', '"b"', undefined]);
});

Deno.test("comeBackStream() says when to come back and nothing else", () => {
  assert.equal(comeBackStream(2_000), "retry: 2000\n\n");
});
