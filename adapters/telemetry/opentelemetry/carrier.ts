import {
  type Context,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  type Span,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type { AddedHeaders } from "../../../runtime/ports/interceptor.ts";
import { guarded } from "./guarded.ts";
import { within } from "./light_context.ts";
import { ReceivedTrace } from "./received_trace.ts";

/** The headers of W3C Trace Context and Baggage. */
const w3cFields = ["traceparent", "tracestate", "baggage"];
/**
 * Carries the context of spans in the headers of messages, by the propagator of the program, or by that of W3C if it has none.
 * That is by far the most usual one, so its two headers are written and read here: the propagator takes microseconds.
 */
export class Carrier {
  /** Whether the propagator of the program is that of W3C; unknown before the first message. */
  #isW3c: boolean | undefined = undefined;

  /**
   * The headers by which others continue the trace of a span whose parent is in a context, or that of the parent if there is
   * no span, for a message with headers of its own. None if there is nothing to continue, or if its own say already that the
   * trace is not sampled: then nobody sees which span is whose child.
   */
  headersOf(
    parent: Context,
    span: Span | undefined,
    given: AddedHeaders | undefined,
  ): AddedHeaders | undefined {
    if (!this.#takes(propagation.getBaggage(parent))) {
      const headers: Record<string, string> = {};
      guarded(() => propagation.inject(span === undefined ? parent : within(parent, span), headers));
      return headers;
    }
    const isOwn = given !== undefined && parent instanceof ReceivedTrace &&
      given.traceparent === parent.traceparent;
    if (isOwn && span === undefined) return undefined;
    const { traceId, spanId, traceFlags, traceState } = (span ?? trace.getSpan(parent)!).spanContext();
    if (traceId === INVALID_TRACEID) return undefined;
    if (traceFlags === TraceFlags.NONE && given?.traceparent !== undefined) {
      const isSame = given.traceparent.startsWith(traceId, 3) && given.traceparent.endsWith("-00");
      if (isSame) return undefined;
    }
    const traceparent = `00-${traceId}-${spanId}-${traceFlags < 16 ? "0" : ""}${traceFlags.toString(16)}`;
    const tracestate = traceState?.serialize();
    return tracestate ? { traceparent, tracestate } : { traceparent };
  }

  /** The context that the headers of a message continue; the root context if they continue none. */
  contextOf(headers: AddedHeaders | undefined): Context {
    if (headers === undefined) return ROOT_CONTEXT;
    if (this.#takes(headers.baggage)) return ReceivedTrace.in(headers) ?? ROOT_CONTEXT;
    return guarded(() => propagation.extract(ROOT_CONTEXT, headers)) ?? ROOT_CONTEXT;
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
