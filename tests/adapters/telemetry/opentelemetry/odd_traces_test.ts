// Messages whose traces are odd, hostile or not sampled.

import assert from "node:assert/strict";
import {
  context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  propagation,
  ROOT_CONTEXT,
  trace,
} from "@opentelemetry/api";
import { memoryStore } from "@posthorn/posthorn/memory";
import { CountingContext } from "./recorder.ts";
import { Shop, TracedShop } from "./traced_shop.ts";

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

  Deno.test(`the span of a turn that is still running when the system stops ends with it, and counts, ${where}`, async () => {
    const it = new TracedShop({ store: store?.() }, { metrics: true });
    await it.system.ready();
    void it.system.ref(Shop, "main").tell(Shop.close, 1_000_000);
    await it.clock.settle();
    await it[Symbol.asyncDispose]();
    assert.deepEqual(it.recorder.tree, ["send shop.close", "process shop.close < send shop.close failed"]);
    assert.equal(it.recorder.spans[1].attributes["error.type"], "stopping");
    const [{ value, attributes }] = it.recorder.values.get("messaging.client.consumed.messages")!;
    assert.deepEqual([value, attributes["error.type"]], [1, "stopping"]);
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

Deno.test("a traceparent goes on whatever letters its name is written in", async () => {
  await using it = new TracedShop();
  await it.ring("own", { Traceparent: `00-${traceId}-${spanId}-01`, TRACESTATE: "a=1" });
  assert.equal(it.recorder.spans[0].parentId, spanId);
  assert(it.recorder.spans.every((span) => span.traceId === traceId), `${it.recorder.tree}`);
  it.recorder.spans.length = 0;
  await it.ring("own", { Traceparent: `00-${traceId}-${spanId}-00` });
  assert.deepEqual(it.recorder.tree, []);
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

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`turns of traces that are not sampled run each in its own, however they come, ${where}`, async () => {
    await using it = new TracedShop({ store: store?.() });
    await it.system.ready();
    it.recorder.sampled = false;
    const spans = [1, 2, 3].map(() => it.recorder.getTracer().startSpan("GET", {}, ROOT_CONTEXT));
    const contexts = spans.map((span) => trace.setSpan(ROOT_CONTEXT, span));
    it.recorder.sampled = true;
    const order = [0, 1, 0, 0, 2, 1, 1, 0];
    const sent = order.map((n) =>
      context.with(contexts[n], () => it.system.ref(Shop, "main").tell(Shop.ring, ""))
    );
    await it.clock.settle();
    await Promise.all(sent);
    assert.deepEqual(
      it.rung,
      order.map((n) => {
        const { traceId, spanId } = spans[n].spanContext();
        return { header: `00-${traceId}-${spanId}-00`, spanId };
      }),
    );
    assert.deepEqual(it.recorder.tree, ["GET open", "GET open", "GET open"]);
  });
}

Deno.test("a turn of a trace that is not sampled enters no context if it is already in that of its message", async () => {
  await using it = new TracedShop();
  const contexts = new CountingContext();
  context.disable();
  context.setGlobalContextManager(contexts);
  it.recorder.sampled = false;
  const span = it.recorder.getTracer().startSpan("GET");
  it.recorder.sampled = true;
  const { traceId, spanId } = span.spanContext();
  const header = `00-${traceId}-${spanId}-00`;
  await context.with(trace.setSpan(ROOT_CONTEXT, span), () => it.ring("next"));
  assert.deepEqual(it.rung, [{ header, spanId }, { header, spanId }]);
  assert.equal(contexts.entered, 2); // ours, and one to see whether the program keeps contexts
  await it.ring("next", { traceparent: header });
  assert.equal(it.rung.length, 4);
  assert.equal(contexts.entered, 4); // nobody has sent this one in a context of its trace
});

for (const store of [undefined, memoryStore]) {
  const where = store === undefined ? "in memory" : "with a store";

  Deno.test(`no turn of a trace that is not sampled finds what the program keeps beside the span of another sender, ${where}`, async () => {
    const tenant = createContextKey("tenant");
    for (const order of ["AB", "BA", "ATBTA", "AR", "ATRTA", "AC", "ACA", "ATCTA"]) {
      await using it = new TracedShop({ store: store?.() });
      await it.system.ready();
      it.recorder.sampled = false;
      const start = (parent = ROOT_CONTEXT) => it.recorder.getTracer().startSpan("GET", {}, parent);
      const [within, other] = [start(), start()].map((span) => trace.setSpan(ROOT_CONTEXT, span));
      const own = trace.getSpanContext(within)!;
      const received = trace.setSpanContext(ROOT_CONTEXT, { ...own, isRemote: true });
      const contexts: Record<string, typeof within> = {
        A: within.setValue(tenant, "A"),
        B: within.setValue(tenant, "B"),
        C: trace.setSpan(within, start(within)).setValue(tenant, "C"), // within a span of its own
        R: received.setValue(tenant, "R"), // around the span of a message, as a handler or an interceptor may make it
        T: other.setValue(tenant, "T"),
      };
      const headers = { traceparent: `00-${own.traceId}-${own.spanId}-00` }; // a turn passes on what it has got
      const heard: unknown[] = [];
      it.hear = () => heard.push(context.active().getValue(tenant));
      const main = it.system.ref(Shop, "main");
      const sent = [...order].map((name) =>
        context.with(contexts[name], () => main.tell(Shop.ring, "", "RC".includes(name) ? { headers } : {}))
      );
      await it.clock.settle();
      await Promise.all(sent);
      heard.forEach((value, n) => assert(value === undefined || value === order[n], `${order}: ${heard}`));
      assert.equal(heard.length, order.length);
    }
  });
}

Deno.test("a message that a handler sends in a context without a span finds nothing of the sender of its trace", async () => {
  const tenant = createContextKey("tenant");
  for (const own of [ROOT_CONTEXT, ROOT_CONTEXT.setValue(tenant, "B")]) {
    await using it = new TracedShop();
    it.recorder.sampled = false;
    const span = it.recorder.getTracer().startSpan("GET", {}, ROOT_CONTEXT);
    const heard: unknown[] = [];
    it.hear = (next) => {
      heard.push(context.active().getValue(tenant));
      if (heard.length === 1) context.with(own, next);
    };
    await context.with(trace.setSpan(ROOT_CONTEXT, span).setValue(tenant, "A"), () => it.ring());
    assert.deepEqual(heard, ["A", undefined]);
    assert.deepEqual(it.rung[1], it.rung[0]);
  }
});

Deno.test("without a propagator no turn finds the baggage of another sender in its context", async () => {
  await using it = new TracedShop();
  propagation.disable();
  it.recorder.sampled = false;
  const within = trace.setSpan(ROOT_CONTEXT, it.recorder.getTracer().startSpan("GET"));
  const ada = propagation.setBaggage(within, propagation.createBaggage({ user: { value: "ada" } }));
  const heard: unknown[] = [];
  it.hear = () => heard.push(propagation.getBaggage(context.active()));
  const main = it.system.ref(Shop, "main");
  const sent = [ada, within].map((one) => context.with(one, () => main.tell(Shop.ring, "")));
  await it.clock.settle();
  await Promise.all(sent);
  assert.deepEqual(heard, [undefined, undefined]);
});

Deno.test("turns enter no context though others of the same trace had baggage, which their headers say", async () => {
  await using it = new TracedShop();
  it.recorder.sampled = false;
  const within = trace.setSpan(ROOT_CONTEXT, it.recorder.getTracer().startSpan("GET"));
  const ada = propagation.setBaggage(within, propagation.createBaggage({ user: { value: "ada" } }));
  const heard: unknown[] = [];
  it.hear = () => heard.push(context.active() === within);
  for (const one of [within, ada, within]) await context.with(one, () => it.ring());
  assert.deepEqual(heard, [true, false, true]);
});

Deno.test("baggage beside a trace that is not sampled goes with its message alone", async () => {
  await using it = new TracedShop();
  it.recorder.sampled = false;
  const span = it.recorder.getTracer().startSpan("GET");
  const within = trace.setSpan(ROOT_CONTEXT, span);
  const heard: unknown[] = [];
  const { traceId, spanId } = span.spanContext();
  const traceparent = `00-${traceId}-${spanId}-00`;
  it.hear = () => heard.push(propagation.getBaggage(context.active())?.getEntry("user")?.value);
  await context.with(within, () => it.ring());
  await context.with(within, () => it.ring("", { traceparent, baggage: "user=ada" }));
  await context.with(within, () => it.ring());
  assert.deepEqual(heard, [undefined, "ada", undefined]);
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

Deno.test("a sampler that records spans without sampling them gets them as they are", async () => {
  await using it = new TracedShop({}, { parentDecides: false });
  it.recorder.sampled = false;
  it.recorder.records = true;
  void it.system.ref(Shop, "main").tell(Shop.close, 500);
  await it.clock.advance(400);
  assert.equal(it.recorder.tree[1], "process shop.close < send shop.close open");
  assert.equal(it.recorder.spans[1].attributes["messaging.destination.name"], "shop/main");
  await it.clock.advance(200);
  assert.deepEqual(it.recorder.tree, ["send shop.close", "process shop.close < send shop.close"]);
});

Deno.test("without a manager of contexts what a turn sends follows the trace of its message, whatever headers it has", async () => {
  for (const parentDecides of [true, false]) {
    for (const flags of ["00", "01"]) {
      await using it = new TracedShop({}, { parentDecides });
      context.disable();
      const traceparent = `00-${traceId}-${spanId}-${flags}`;
      await it.ring("own", { traceparent, tracestate: "a=1" });
      const sent = it.recorder.tree.length;
      assert.equal(sent, parentDecides && flags === "00" ? 0 : 4);
      assert(it.recorder.spans.every((span) => span.traceId === traceId), `${it.recorder.tree}`);
      assert.equal(it.rung[1].header?.slice(3, 35), traceId);
    }
  }
});

const { traceId: noTrace, spanId: noSpan } = INVALID_SPAN_CONTEXT;

for (
  const [what, ids] of [["trace", { traceId: noTrace, spanId }], ["span", {
    traceId,
    spanId: noSpan,
  }]] as const
) {
  Deno.test(`an active span without the id of a ${what} is none`, async () => {
    await using it = new TracedShop();
    const active = trace.setSpanContext(ROOT_CONTEXT, { ...ids, traceFlags: 0 });
    await context.with(active, () => it.ring("", { traceparent: `00-${traceId}-${spanId}-01` }));
    assert.deepEqual(it.recorder.tree, ["send shop.ring < elsewhere", "process shop.ring < send shop.ring"]);
    assert.deepEqual([it.recorder.spans[0].traceId, it.recorder.spans[0].parentId], [traceId, spanId]);
    it.recorder.spans.length = 0;
    await context.with(active, () => it.ring());
    assert.equal(it.recorder.tree.length, 2); // it is asked for by the sampler, as any that begins
  });
}

Deno.test("without a propagator the trace of a message with baggage goes on, and baggage that is active stops none", async () => {
  await using it = new TracedShop();
  propagation.disable();
  await it.ring("", { traceparent: `00-${traceId}-${spanId}-01`, baggage: "user=ada" });
  assert.deepEqual(it.recorder.tree, ["send shop.ring < elsewhere", "process shop.ring < send shop.ring"]);
  it.recorder.spans.length = 0;
  const baggage = propagation.createBaggage({ user: { value: "ada" } });
  await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => it.ring());
  assert.deepEqual(it.recorder.tree, ["send shop.ring", "process shop.ring < send shop.ring"]);
});

Deno.test("baggage that does not fit beside the headers of a message is left out, and the trace goes on", async () => {
  await using it = new TracedShop();
  const baggage = propagation.createBaggage({ user: { value: "a".repeat(8_150) } });
  await context.with(propagation.setBaggage(ROOT_CONTEXT, baggage), () => it.ring());
  assert.deepEqual(it.recorder.tree, ["send shop.ring", "process shop.ring < send shop.ring"]);
});
