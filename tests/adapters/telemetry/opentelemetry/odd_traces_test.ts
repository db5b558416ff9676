// Messages whose traces are odd, hostile or not sampled, and programs whose OpenTelemetry fails.

import assert from "node:assert/strict";
import {
  context,
  ROOT_CONTEXT,
  type Span,
  type TextMapPropagator,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";
import {
  actor,
  event,
  type Interceptor,
  protocol,
  submit,
  System,
  type SystemOptions,
  tell,
  TerminalError,
  unchecked,
} from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
import { VirtualClock } from "@posthorn/posthorn/testing";
import { Recorder, register, w3c } from "./recorder.ts";

const Shop = protocol("shop", {
  close: tell(unchecked<number>()),
  ring: tell(unchecked<string>()),
  count: submit(unchecked<null>(), unchecked<string>()),
  opened: event(unchecked<null>()),
});

/** A traced shop on a virtual clock, whose `ring` tells what it gets as a header and as the active span. */
class TracedShop implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly recorder = new Recorder();
  readonly system: System;
  /** Of each `ring`: its `traceparent` and the id of the span that is active. */
  readonly rung: { readonly header: string | undefined; readonly spanId: string | undefined }[] = [];

  constructor(options: Partial<SystemOptions> = {}, tracing: Parameters<typeof openTelemetry>[0] = {}) {
    register(w3c);
    const shop = actor(Shop, {
      state: () => 0,
      on: {
        close: (_ctx, afterMs) => new Promise<void>((resolve) => this.clock.setTimer(afterMs, resolve)),
        ring: (ctx, text) => {
          const spanId = trace.getSpan(context.active())?.spanContext().spanId;
          this.rung.push({ header: ctx.headers.traceparent, spanId });
          if (text === "next") ctx.ref(Shop, "next").tell(Shop.ring, "");
          if (text.startsWith("fails")) throw new TerminalError(text, { code: text });
        },
        count: () => "one",
      },
      retry: { attempts: 1 },
    });
    const { recorder: tracerProvider, recorder: meterProvider } = this;
    const telemetry: Interceptor = openTelemetry({
      tracerProvider,
      meterProvider,
      metrics: false,
      ...tracing,
    });
    this.system = new System({
      actors: [shop],
      clock: this.clock,
      log: false,
      drainMs: 0,
      intercept: [telemetry],
      ...options,
    });
  }

  async ring(text = "", headers?: Record<string, string>): Promise<void> {
    const rung = this.system.ref(Shop, "main").tell(Shop.ring, text, headers && { headers });
    await this.clock.settle();
    await rung;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopped = this.system.stop();
    await this.clock.advance(20_000);
    await stopped;
  }
}

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`a message that is taken back while it waits ends no span of the turn before it, ${where}`, async () => {
    await using it = new TracedShop({ store: store?.() });
    await it.system.ready();
    void it.system.ref(Shop, "main").tell(Shop.close, 500);
    await it.clock.settle();
    const sent = it.system.ref(Shop, "main").submit(Shop.count, null);
    await it.clock.settle();
    const taken = (await sent).cancel();
    await it.clock.settle();
    assert.equal(await taken, "cancelled");
    assert(it.recorder.tree.includes("process shop.close < send shop.close open"), `${it.recorder.tree}`);
    await it.clock.advance(600);
    assert(it.recorder.tree.includes("process shop.close < send shop.close"), `${it.recorder.tree}`);
  });

  Deno.test(`the span of a function that never ends what it began ends with the system, ${where}`, async () => {
    const it = new TracedShop({ store: store?.() });
    await it.system.ready();
    it.system.subscribe(Shop.opened, () => new Promise<void>(() => {}));
    await it.clock.settle();
    const published = it.system.publish(Shop.opened, null);
    await it.clock.settle();
    await published;
    assert(it.recorder.tree.includes("process shop.opened < send shop.opened open"), `${it.recorder.tree}`);
    await it[Symbol.asyncDispose]();
    assert(it.recorder.tree.includes("process shop.opened < send shop.opened failed"), `${it.recorder.tree}`);
  });
}

Deno.test("only a traceparent as W3C writes it goes on", async () => {
  await using it = new TracedShop();
  const good = [
    `00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-ff`,
    `cc-${traceId}-${spanId}-01-more`,
  ];
  const bad = [
    `zz-${traceId}-${spanId}-01`,
    `00x${traceId}x${spanId}x01`,
    `00-${traceId}-${spanId}-0z`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    ` 00-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01\n`,
    "-".repeat(55),
    "",
  ];
  for (const [texts, expected] of [[good, traceId], [bad, undefined]] as const) {
    for (const traceparent of texts) {
      it.recorder.spans.length = 0;
      await it.ring("", { traceparent });
      const { traceId: own } = it.recorder.named("send shop.ring");
      assert.equal(own === traceId ? own : undefined, expected, traceparent);
    }
  }
});

Deno.test("of a trace that is not sampled no span is begun, and it goes on with the headers that it came with", async () => {
  await using it = new TracedShop();
  const traceparent = `00-${traceId}-${spanId}-00`;
  await it.ring("next", { traceparent });
  assert.deepEqual(it.rung, [{ header: traceparent, spanId }, { header: traceparent, spanId }]);
  assert.deepEqual(it.recorder.tree, []);
});

Deno.test("a sampler that does not go by the parent is asked for each span", async () => {
  await using it = new TracedShop({}, { parentDecides: false });
  await it.ring("next", { traceparent: `00-${traceId}-${spanId}-00` });
  assert.deepEqual(it.recorder.tree, [
    "send shop.ring < elsewhere",
    "process shop.ring < send shop.ring",
    "send shop.ring < process shop.ring",
    "process shop.ring < send shop.ring",
  ]);
  it.recorder.spans.length = 0;
  it.recorder.sampled = false;
  await it.ring("next", { traceparent: `00-${traceId}-${spanId}-00` });
  assert.equal(it.recorder.tree.length, 4);
});

Deno.test("a span of the handler that is sampled traces what it sends, whatever its message says", async () => {
  await using it = new TracedShop();
  const traceparent = `00-${traceId}-${spanId}-00`;
  const span = it.recorder.getTracer().startSpan("own", {}, ROOT_CONTEXT);
  await context.with(trace.setSpan(context.active(), span), () => it.ring("", { traceparent }));
  assert.deepEqual(it.recorder.tree, [
    "own open",
    "send shop.ring < own",
    "process shop.ring < send shop.ring",
  ]);
});

Deno.test("a message that is sent within a span that is not sampled begins none, and its turn neither", async () => {
  await using it = new TracedShop();
  it.recorder.sampled = false;
  const span = it.recorder.getTracer().startSpan("GET");
  it.recorder.sampled = true;
  await context.with(trace.setSpan(context.active(), span), () => it.ring("next"));
  const { traceId, spanId } = span.spanContext();
  assert.deepEqual(it.recorder.tree, ["GET open"]);
  const header = `00-${traceId}-${spanId}-00`;
  assert.deepEqual(it.rung, [{ header, spanId }, { header, spanId }]);
});

Deno.test("what a sampler drops of a trace that is sampled says so to all that follows", async () => {
  await using it = new TracedShop();
  it.recorder.sampled = false;
  await it.ring("next", { traceparent: `00-${traceId}-${spanId}-01` });
  assert.equal(it.rung.length, 2);
  const [first] = it.rung;
  assert.equal(first.header, `00-${traceId}-${it.recorder.named("send shop.ring").spanId}-00`);
  assert.deepEqual(it.rung[1].header, first.header);
});

Deno.test("a tracestate that does not fit beside the headers of a message is left out, and the trace goes on", async () => {
  await using it = new TracedShop();
  const tracestate = `a=${"b".repeat(400)}`;
  const span = it.recorder.getTracer().startSpan("GET");
  const own = { ...span.spanContext(), traceState: { serialize: () => tracestate } };
  const within = trace.setSpan(context.active(), Object.assign(span, { spanContext: () => own }));
  await context.with(within, () => it.ring("", { big: "x".repeat(7_900) }));
  const sent = it.recorder.named("send shop.ring");
  assert.deepEqual(it.rung[0].header, `00-${sent.traceId}-${sent.spanId}-01`);
});

const failing: readonly (readonly [what: string, propagator: TextMapPropagator<Record<string, string>>])[] = [
  ["throws when it writes", { inject: fails, extract: (own) => own, fields: () => ["odd"] }],
  ["throws when it reads", { inject() {}, extract: fails, fields: () => ["odd"] }],
  ["writes what is no text", {
    inject: (_own, carrier) => void Object.assign(carrier, { odd: 5 }),
    extract: (own) => own,
    fields: () => ["odd"],
  }],
];

for (const [what, propagator] of failing) {
  Deno.test(`a propagator that ${what} is no reason to refuse a message`, async () => {
    await using it = new TracedShop();
    register(propagator);
    await it.ring("next", { own: "1" });
    assert.equal(it.rung.length, 2);
    assert.equal(it.system.stats().dead, 0);
    assert(it.recorder.spans.every(({ ended }) => ended));
  });
}

for (
  const method of [
    "startSpan",
    "spanContext",
    "isRecording",
    "end",
    "setAttributes",
    "recordException",
  ] as const
) {
  Deno.test(`a provider whose ${method} throws is no reason to refuse a message`, async () => {
    const recorder = new Recorder();
    const tracer = recorder.getTracer();
    const tracerProvider = {
      getTracer: () => ({
        ...tracer,
        startSpan: (...args: Parameters<typeof tracer.startSpan>): Span =>
          method === "startSpan" ? fails() : Object.assign(tracer.startSpan(...args), { [method]: fails }),
      }),
    } as TracerProvider;
    await using it = new TracedShop({}, { tracerProvider });
    await it.ring("next");
    await it.ring("fails");
    assert.equal(it.rung.length, 3);
    const { done, dead } = it.system.stats();
    assert.deepEqual([done, dead], [2, 1]);
  });
}

Deno.test("errors of many types have one number together in metrics after the first hundred", async () => {
  await using it = new TracedShop({}, { metrics: true });
  for (let n = 0; n < 150; n++) await it.ring(`fails-${n}`);
  const types = new Set(
    it.recorder.values.get("messaging.posthorn.dead_letters")!.map(({ attributes }) =>
      attributes["error.type"]
    ),
  );
  assert.equal(it.recorder.values.get("messaging.posthorn.dead_letters")!.length, 150);
  assert.equal(types.has("_OTHER"), true);
  assert(types.size <= 101, `${types.size} types`);
});

function fails(): never {
  throw new Error("no");
}
