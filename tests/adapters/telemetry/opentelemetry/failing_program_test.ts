// Programs whose OpenTelemetry fails: no message is refused, no turn fails, and nothing else is lost.

import assert from "node:assert/strict";
import {
  diag,
  DiagLogLevel,
  type Meter,
  type MeterProvider,
  type Span,
  type TextMapPropagator,
  type TracerProvider,
  type TraceState,
} from "@opentelemetry/api";
import { Recorder, register } from "./recorder.ts";
import { Shop, TracedShop } from "./traced_shop.ts";

const failing: readonly (readonly [what: string, propagator: TextMapPropagator<Record<string, string>>])[] = [
  ["throws when it writes", { inject: fails, extract: (own) => own, fields: () => ["odd"] }],
  ["throws when it reads", { inject() {}, extract: fails, fields: () => ["odd"] }],
  ["does not say what it writes", { inject() {}, extract: (own) => own, fields: fails }],
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
    const it = new TracedShop({}, { tracerProvider, metrics: true });
    await it.ring("next");
    await it.ring("fails");
    assert.equal(it.rung.length, 3);
    const { done, dead } = it.system.stats();
    assert.deepEqual([done, dead], [2, 1]);
    await it[Symbol.asyncDispose]();
    assert.equal(it.numbers("messaging.client.consumed.messages"), 3);
    assert.equal(it.numbers("messaging.client.sent.messages"), 3);
  });
}

Deno.test("a span whose tracestate cannot be written is no reason to refuse a message, and its trace goes on", async () => {
  const tracer = new Recorder().getTracer();
  const startSpan = (...args: Parameters<typeof tracer.startSpan>): Span => {
    const span = tracer.startSpan(...args);
    const own = { ...span.spanContext(), traceState: { serialize: fails } as unknown as TraceState };
    return Object.assign(span, { spanContext: () => own });
  };
  const tracerProvider = { getTracer: () => ({ ...tracer, startSpan }) } as TracerProvider;
  await using it = new TracedShop({}, { tracerProvider });
  await it.ring("next");
  assert.match(it.rung[0].header!, /-01$/);
  assert.equal(it.rung[1].header?.slice(3, 35), it.rung[0].header!.slice(3, 35));
});

for (const method of ["getMeter", "createCounter", "createHistogram", "add", "record"] as const) {
  Deno.test(`a meter whose ${method} throws takes nothing but its own numbers, and is asked for once`, async () => {
    const recorder = new Recorder();
    let meters = 0;
    const own: Pick<Meter, "createCounter" | "createHistogram"> = recorder.getMeter();
    const meter = {
      createCounter: (name: string) =>
        Object.assign(own.createCounter(name), method === "add" && { add: fails }),
      createHistogram: (name: string) =>
        Object.assign(own.createHistogram(name), method === "record" && { record: fails }),
      ...method.startsWith("create") && { [method]: fails },
    };
    const getMeter = () => (meters++, method === "getMeter" ? fails() : meter);
    const meterProvider = { getMeter } as unknown as MeterProvider;
    const it = new TracedShop({}, { meterProvider, metrics: true });
    await it.ring("next");
    await it.ring("fails");
    void it.system.ref(Shop, "main").tell(Shop.close, 1_000_000);
    await it.clock.settle();
    await it[Symbol.asyncDispose]();
    assert(it.recorder.spans.every(({ ended }) => ended), `${it.recorder.tree}`);
    assert.equal(meters, 1);
    const recorded = (name: string) => recorder.values.get(name)?.length ?? 0;
    const durations = recorded("messaging.process.duration") > 0;
    const counts = recorded("messaging.client.consumed.messages") > 0;
    assert.equal(durations, ["createCounter", "add"].includes(method));
    assert.equal(counts, ["createHistogram", "record"].includes(method));
  });
}

Deno.test("a logger of OpenTelemetry that throws is no reason to refuse a message", async () => {
  const logger = { error: fails, warn: fails, info: fails, debug: fails, verbose: fails };
  diag.setLogger(logger, { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  try {
    await using it = new TracedShop({}, {
      tracerProvider: { getTracer: () => ({ startSpan: fails, startActiveSpan: fails }) },
    });
    await it.ring("next");
    assert.equal(it.rung.length, 2);
  } finally {
    diag.disable();
  }
});

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
