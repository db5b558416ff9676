// Spans and metrics of a system, by a tracer in memory.

import assert from "node:assert/strict";
import { context, propagation, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import {
  actor,
  ask,
  event,
  MailboxFullError,
  protocol,
  submit,
  System,
  type SystemOptions,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { memoryStore } from "@posthorn/posthorn/memory";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
import { seededRandom, turn, VirtualClock } from "@posthorn/posthorn/testing";
import * as z from "zod";
import { oneHeader, Recorder, register, w3c } from "./recorder.ts";

const Order = protocol("order", {
  place: tell(unchecked<string>()),
  bill: submit(unchecked<string>(), unchecked<string>()),
  total: ask(unchecked<number>()),
  placed: event(unchecked<string>()),
  slow: tell(),
  typed: tell(z.string()),
});
const Stock = protocol("stock", { take: tell(unchecked<string>()), billed: tell(unchecked<string>()) });

/** The names of the spans that handlers ran in. */
let within: (string | undefined)[] = [];

const order = actor(Order, {
  state: () => 0,
  on: {
    async place(ctx, sku) {
      within.push(ctx.headers.traceparent);
      await null;
      ctx.ref(Stock, "main").tell(Stock.take, sku);
      ctx.publish(Order.placed, sku);
    },
    bill(ctx, text) {
      if (text === "fails" && ctx.attempt === 1) throw new TypeError("no https://user:secret@host");
      return text;
    },
    total: (ctx) => ctx.state,
    slow: () => new Promise<void>(() => {}),
    typed() {},
  },
  retry: { attempts: 2, baseMs: 10, maxMs: 10 },
  turnMs: 1_000,
});
const stock = actor(Stock, { state: () => 0, on: { take() {}, billed() {} } });

/** A traced system on a virtual clock. */
class Traced implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly recorder = new Recorder();
  readonly system: System;

  constructor(options: Partial<SystemOptions> = {}, metrics = true) {
    register(w3c);
    const { recorder: tracerProvider, recorder: meterProvider } = this;
    this.system = new System({
      actors: [order, stock],
      clock: this.clock,
      random: seededRandom(1),
      log: false,
      drainMs: 0,
      ...options,
      intercept: [openTelemetry({ tracerProvider, meterProvider, metrics })],
    });
  }

  /** Runs a function within a span of the program. */
  inSpan<Result>(name: string, call: () => Result): Result {
    const span = this.recorder.getTracer().startSpan(name, {}, ROOT_CONTEXT);
    return context.with(trace.setSpan(ROOT_CONTEXT, span), () => {
      try {
        return call();
      } finally {
        span.end();
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.system.stop();
    await this.clock.advance(20_000);
    await stopped;
  }
}

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`each send and each turn is a span, a child of what caused it, ${where}`, async () => {
    within = [];
    await using it = new Traced({ store: store?.() });
    await it.system.ready();
    it.system.subscribe(Order.placed, it.system.ref(Stock, "books").at(Stock.billed));
    it.system.subscribe(
      Order.placed,
      () => within.push(trace.getSpan(context.active())?.spanContext().spanId),
    );
    await it.clock.settle();
    const sent = it.inSpan("GET", () => it.system.ref(Order, "ada").tell(Order.place, "tea"));
    await it.clock.settle();
    await sent;
    assert.deepEqual(it.recorder.tree.toSorted(), [
      "GET",
      "process order.place < send order.place",
      "process order.placed < send order.placed",
      "process stock.billed < send order.placed",
      "process stock.take < send stock.take",
      "send order.place < GET",
      "send order.placed < process order.place",
      "send stock.take < process order.place",
    ]);
    assert.equal(new Set(it.recorder.spans.map(({ traceId }) => traceId)).size, 1);
    const send = it.recorder.named("send order.place");
    assert.deepEqual(within, [
      `00-${send.traceId}-${send.spanId}-01`,
      it.recorder.named("process order.placed").spanId,
    ]);
  });

  Deno.test(`a reply is a child of the turn that gave it, and each attempt a span of its own, ${where}`, async () => {
    await using it = new Traced({ store: store?.() });
    await it.system.ready();
    const replyTo = it.system.ref(Stock, "main").at(Stock.billed);
    void it.system.ref(Order, "ada").submit(Order.bill, "fails", { replyTo });
    await it.clock.advance(5_000);
    assert.deepEqual(it.recorder.tree, [
      "send order.bill",
      "process order.bill < send order.bill failed",
      "process order.bill < send order.bill",
      "process stock.billed < process order.bill",
    ]);
    const [, first, second, third] = it.recorder.spans;
    assert.equal(first.attributes["messaging.posthorn.attempt"], 1);
    assert.equal(first.attributes["error.type"], "TypeError");
    assert.equal(second.attributes["messaging.posthorn.attempt"], 2);
    assert.equal(second.attributes["error.type"], undefined);
    assert.equal(third.parentId, second.spanId);
    const [{ message, stack }] = first.exceptions as { message: string; stack: string }[];
    assert.match(message, /no https:\/\/…@host/);
    assert(!stack.includes("secret"));
  });
}

Deno.test("spans have the names, kinds and attributes of the conventions for messaging", async () => {
  await using it = new Traced();
  await it.system.ref(Order, "ada").ask(Order.total, { id: "one" });
  const shared = (type: string) => ({
    "messaging.system": "posthorn",
    "messaging.operation.name": type,
    "messaging.operation.type": type,
    "messaging.destination.template": "order.total",
    "messaging.destination.name": "order/ada",
    "messaging.message.id": "one",
    "messaging.message.conversation_id": "one",
    "messaging.posthorn.mode": "ask",
  });
  const [sent, processed] = it.recorder.spans;
  assert.deepEqual([sent.kind, processed.kind], [SpanKind.PRODUCER, SpanKind.CONSUMER]);
  assert.deepEqual(sent.attributes, shared("send"));
  assert.deepEqual(processed.attributes, { ...shared("process"), "messaging.posthorn.attempt": 1 });
});

Deno.test("a trace that comes over HTTP goes on, also if nothing traces the request", async () => {
  await using it = new Traced();
  const app = ingress(it.system, { expose: [Order.typed] });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = {
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
    tracestate: "a=1",
    "content-type": "application/json",
  };
  const answer = await app.request("/actors/order/ada/typed", { method: "POST", body: `"x"`, headers });
  assert.equal(answer.status, 202);
  await it.clock.settle();
  assert.deepEqual(it.recorder.tree, [
    "send order.typed < elsewhere",
    "process order.typed < send order.typed",
  ]);
  assert.deepEqual(it.recorder.spans.map((span) => span.traceId), [traceId, traceId]);
});

Deno.test("headers that are no trace begin one anew, and are no reason to refuse a message", async () => {
  await using it = new Traced();
  const zeros = "0".repeat(32);
  const wrong = [
    "x",
    `00-${zeros}-b7ad6b7169203331-01`,
    `ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`,
    `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-zz`,
    `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more`,
    `01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01more`,
  ];
  for (const traceparent of wrong) {
    it.recorder.spans.length = 0;
    await it.system.ref(Order, "ada").tell(Order.typed, "x", { headers: { traceparent } });
    await it.clock.settle();
    assert.deepEqual(
      it.recorder.tree,
      ["send order.typed", "process order.typed < send order.typed"],
      traceparent,
    );
  }
});

Deno.test("another propagator of the program is used, and so is baggage", async () => {
  await using it = new Traced();
  const seen: unknown[] = [];
  const peek = actor(Stock, {
    state: () => 0,
    on: {
      take: (ctx) =>
        void seen.push({ ...ctx.headers }, propagation.getActiveBaggage()?.getEntry("user")?.value),
      billed() {},
    },
  });
  const { recorder: tracerProvider } = it;
  await using other = new System({
    actors: [peek],
    clock: it.clock,
    drainMs: 0,
    intercept: [openTelemetry({ tracerProvider, metrics: false })],
  });
  const baggage = propagation.createBaggage({ user: { value: "ada" } });
  await context.with(
    propagation.setBaggage(ROOT_CONTEXT, baggage),
    () => other.ref(Stock, "main").tell(Stock.take, "x"),
  );
  await it.clock.settle();
  const { traceId, spanId } = it.recorder.spans[0];
  assert.deepEqual(seen, [{ traceparent: `00-${traceId}-${spanId}-01`, baggage: "user=ada" }, "ada"]);
  register(oneHeader);
  seen.length = 0;
  it.recorder.spans.length = 0;
  await using third = new System({
    actors: [peek],
    clock: it.clock,
    drainMs: 0,
    intercept: [openTelemetry({ tracerProvider, metrics: false })],
  });
  await third.ref(Stock, "main").tell(Stock.take, "x");
  await it.clock.settle();
  assert.deepEqual(seen[0], { one: `${it.recorder.spans[0].traceId}/${it.recorder.spans[0].spanId}` });
  assert.deepEqual(it.recorder.tree, ["send stock.take", "process stock.take < send stock.take"]);
});

Deno.test("what is not sampled has no attributes, and its decision travels on", async () => {
  within = [];
  await using it = new Traced({}, false);
  it.recorder.sampled = false;
  void it.system.ref(Order, "ada").tell(Order.place, "tea");
  await it.clock.settle();
  assert.deepEqual(it.recorder.tree, ["send order.place"]); // the sampler is asked once for all that follows
  assert.deepEqual(it.recorder.spans[0].attributes, {});
  assert.match(within[0]!, /-00$/);
  assert.equal(it.recorder.values.size, 0);
});

Deno.test("the span of a send ends when the message is accepted, or with the error of its refusal", async () => {
  const small = actor(Stock, { state: () => 0, on: { take() {}, billed() {} }, mailbox: { capacity: 1 } });
  await using it = new Traced({ actors: [small] });
  const ref = it.system.ref(Stock, "main");
  const sent = [ref.tell(Stock.take, "1"), ref.tell(Stock.take, "2")];
  await assert.rejects(sent[1], MailboxFullError);
  await sent[0];
  assert.deepEqual(it.recorder.tree.filter((name) => name.startsWith("send")), [
    "send stock.take",
    "send stock.take failed",
  ]);
  assert.equal(it.recorder.spans[1].attributes["error.type"], "mailbox-full");
});

Deno.test("the span of a turn ends with an error when its time is over, it is taken back, or the system stops", async () => {
  const it = new Traced();
  void it.system.ref(Order, "ada").tell(Order.slow);
  await it.clock.advance(900);
  assert.deepEqual(it.recorder.tree[1], "process order.slow < send order.slow open");
  await it.clock.advance(200);
  assert.deepEqual(it.recorder.tree[1], "process order.slow < send order.slow failed");
  assert.equal(it.recorder.spans[1].attributes["error.type"], "turn-timeout");
  void it.system.ref(Order, "bob").tell(Order.slow);
  await it.clock.settle();
  await it[Symbol.asyncDispose]();
  const last = it.recorder.spans.at(-1)!;
  assert.deepEqual([last.attributes["error.type"], last.ended], ["stopping", true]);
});

Deno.test("metrics tell of sends, turns, waiting and dead letters, with errors by their type", async () => {
  await using it = new Traced();
  await it.system.ref(Order, "ada").ask(Order.total);
  void it.system.ref(Order, "ada").tell(Order.slow);
  await it.clock.advance(10_000);
  await it[Symbol.asyncDispose]();
  const told = (name: string) =>
    (it.recorder.values.get(name) ?? []).map(({ value, attributes }) => {
      const { "messaging.destination.template": template, "error.type": error } = attributes;
      return `${template} ${name.endsWith("duration") ? typeof value : value} ${error ?? "-"}`;
    });
  assert.deepEqual(told("messaging.client.sent.messages").toSorted(), ["order.slow 1 -", "order.total 1 -"]);
  assert.deepEqual(told("messaging.client.operation.duration"), [
    "order.total number -",
    "order.slow number -",
  ]);
  assert.deepEqual(told("messaging.client.consumed.messages").toSorted(), [
    "order.slow 1 turn-timeout",
    "order.slow 1 turn-timeout",
    "order.total 1 -",
  ]);
  assert.equal(told("messaging.process.duration").length, 3);
  assert.deepEqual(told("messaging.posthorn.dead_letters"), ["order.slow 1 turn-timeout"]);
  assert(told("messaging.posthorn.wait.duration").includes("order.total number -"));
});

Deno.test("headers of a message that leave no room for a trace travel without one", async () => {
  await using it = new Traced();
  const headers = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`h${n}`, "x"]));
  await it.system.ref(Order, "ada").tell(Order.typed, "x", { headers });
  await it.clock.settle();
  assert.deepEqual(it.recorder.tree, ["send order.typed", "process order.typed"]);
  assert.equal(it.system.stats().done, 1);
});

Deno.test("without an SDK nothing is traced, and everything works", async () => {
  trace.disable();
  context.disable();
  propagation.disable();
  await using system = new System({ actors: [order, stock], intercept: [openTelemetry()], drainMs: 0 });
  assert.equal(await system.ref(Order, "ada").ask(Order.total), 0);
  const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  assert.equal(await system.ref(Order, "ada").ask(Order.total, { headers }), 0);
});

Deno.test("a lone turn is counted at once and leaves no timer, because nobody says when it has ended", async () => {
  register(w3c);
  const recorder = new Recorder();
  const intercept = [openTelemetry({ tracerProvider: recorder, meterProvider: recorder })];
  const { sent } = await turn(order, Order.place, "tea", { intercept });
  assert.equal(sent.length, 1);
  const counted = (name: string) => recorder.values.get(name)!.map(({ value }) => value);
  assert.deepEqual(counted("messaging.client.consumed.messages"), [1]);
  assert.deepEqual(counted("messaging.client.sent.messages"), [1, 1]);
});

Deno.test("numbers of systems that share an openTelemetry() are all told, also of one that begins after another has stopped", async () => {
  register(w3c);
  const recorder = new Recorder();
  const shared = openTelemetry({ tracerProvider: recorder, meterProvider: recorder });
  const begin = () => new System({ actors: [order, stock], intercept: [shared], drainMs: 0 });
  const total = () =>
    recorder.values.get("messaging.client.consumed.messages")!.reduce((sum, { value }) => sum + value, 0);
  const [first, second] = [begin(), begin()];
  for (const system of [first, second]) await system.ref(Order, "ada").ask(Order.total);
  await first.stop();
  await second.ref(Order, "ada").ask(Order.total);
  await second.stop();
  assert.equal(total(), 3);
  const third = begin();
  await third.ref(Order, "ada").ask(Order.total);
  assert.equal(total(), 3); // they are told together again
  await third.stop();
  assert.equal(total(), 4);
});

Deno.test("an option of openTelemetry that does not exist is refused", () => {
  assert.throws(() => openTelemetry({ metric: true } as never), /metric/);
});
