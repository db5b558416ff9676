// Contexts with a span and nothing else, beside those of the API.

import assert from "node:assert/strict";
import { type Context, createContextKey, ROOT_CONTEXT, trace } from "@opentelemetry/api";
import { within } from "../../../../adapters/telemetry/opentelemetry/light_context.ts";
import { ReceivedTrace } from "../../../../adapters/telemetry/opentelemetry/received_trace.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";
const traceparent = `00-${traceId}-${spanId}-01`;
const user = createContextKey("user");

const span = trace.wrapSpanContext({ traceId, spanId, traceFlags: 1 });
const light: readonly (readonly [string, Context])[] = [
  ["of a span", within(ROOT_CONTEXT, span)],
  ["of headers", ReceivedTrace.in({ traceparent })!],
];

for (const [what, context] of light) {
  Deno.test(`a light context ${what} is what one of the API is`, () => {
    assert.equal(trace.getSpanContext(context)?.spanId, spanId);
    assert.equal(trace.getSpan(context), trace.getSpan(context));
    assert.equal(context.getValue(user), undefined);
    const more = context.setValue(user, "ada");
    assert.deepEqual([more.getValue(user), trace.getSpan(more)], ["ada", trace.getSpan(context)]);
    assert.equal(context.getValue(user), undefined); // contexts do not change
    assert.equal(trace.getSpan(trace.deleteSpan(context)), undefined);
    assert.equal(trace.getSpan(context.deleteValue(user)), trace.getSpan(context));
    const other = trace.wrapSpanContext({ traceId, spanId: "0".repeat(15) + "1", traceFlags: 0 });
    assert.equal(trace.getSpan(trace.setSpan(context, other)), other);
    assert.equal(trace.getSpan(within(context, other)), other);
  });
}

Deno.test("a context with more than a span keeps it within another span", () => {
  const context = trace.setSpan(ROOT_CONTEXT, span).setValue(user, "ada");
  const other = trace.wrapSpanContext({ traceId, spanId: "0".repeat(15) + "1", traceFlags: 0 });
  const inner = within(context, other);
  assert.deepEqual([inner.getValue(user), trace.getSpan(inner)], ["ada", other]);
});

Deno.test("a trace in headers has their ids, flags and state", () => {
  const own = trace.getSpanContext(ReceivedTrace.in({ traceparent, tracestate: "a=1" })!)!;
  const { traceState, ...others } = own;
  assert.deepEqual(others, { traceId, spanId, traceFlags: 1, isRemote: true });
  assert.equal(traceState?.serialize(), "a=1");
  for (
    const [flags, isSampled] of [["00", false], ["01", true], ["02", false], ["03", true], ["fe", false]]
  ) {
    const received = ReceivedTrace.in({ traceparent: `00-${traceId}-${spanId}-${flags}` })!;
    assert.equal(received.isSampled, isSampled, `${flags}`);
  }
});
