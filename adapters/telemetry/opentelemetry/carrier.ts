import {
  type Context,
  createTraceState,
  INVALID_SPANID,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type { AddedHeaders } from "../../../runtime/ports/interceptor.ts";
import { guarded } from "./guarded.ts";

/** The headers of W3C Trace Context and Baggage. */
const w3cFields = ["traceparent", "tracestate", "baggage"];
/** A `traceparent`: one of a version after 00 may have more behind it. */
const traceparentForm = /^(?!ff)[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}(?:$|(?<!^00.+)-)/;

/**
 * Carries the context of spans in the headers of messages, by the propagator of the program, or by that of W3C if it has none.
 * That is by far the most usual one, so its two headers are written and read here: the propagator takes microseconds.
 */
export class Carrier {
  /** Whether the propagator of the program is that of W3C; unknown before the first message. */
  #isW3c: boolean | undefined = undefined;

  /**
   * The headers by which others continue the trace of a span in a context, for a message with headers of its own; none if
   * there is nothing to continue, or if its own say already that the trace is not sampled: then nobody sees which span is
   * whose child.
   */
  headersOf(
    context: Context,
    span: Span,
    spanContext: SpanContext,
    given: AddedHeaders | undefined,
  ): AddedHeaders | undefined {
    const { traceId, spanId, traceFlags, traceState } = spanContext;
    if (traceId === INVALID_TRACEID) return undefined;
    if (this.#takes(propagation.getBaggage(context))) {
      const isSame = traceFlags === TraceFlags.NONE && given?.traceparent?.startsWith(traceId, 3);
      if (isSame && given!.traceparent.endsWith("-00")) return undefined;
      const traceparent = `00-${traceId}-${spanId}-${traceFlags < 16 ? "0" : ""}${traceFlags.toString(16)}`;
      const tracestate = traceState?.serialize();
      return tracestate ? { traceparent, tracestate } : { traceparent };
    }
    const headers: Record<string, string> = {};
    guarded(() => propagation.inject(trace.setSpan(context, span), headers));
    return headers;
  }

  /** The context that the headers of a message continue; the root context if they continue none. */
  contextOf(headers: AddedHeaders | undefined): Context {
    if (headers === undefined) return ROOT_CONTEXT;
    if (!this.#takes(headers.baggage)) {
      return guarded(() => propagation.extract(ROOT_CONTEXT, headers)) ?? ROOT_CONTEXT;
    }
    const { traceparent: text, tracestate } = headers;
    if (text === undefined || !traceparentForm.test(text)) return ROOT_CONTEXT;
    const traceId = text.slice(3, 35);
    const spanId = text.slice(36, 52);
    if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return ROOT_CONTEXT;
    const traceFlags = text.startsWith("00", 53) ? TraceFlags.NONE : parseInt(text.slice(53, 55), 16);
    const traceState = tracestate ? createTraceState(tracestate) : undefined;
    return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, traceState });
  }

  /** Whether the two headers of W3C are all that is carried. */
  #takes(baggage: unknown): boolean {
    if (baggage !== undefined) return false;
    if (this.#isW3c !== undefined) return this.#isW3c;
    const fields = propagation.fields();
    if (fields.length === 0) return true; // none is registered (yet): Deno before 2.6 has none, and that of W3C is the default
    return this.#isW3c = fields.includes("traceparent") && fields.every((field) => w3cFields.includes(field));
  }
}
