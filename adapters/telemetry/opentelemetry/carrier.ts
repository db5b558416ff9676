import {
  type Context,
  context,
  INVALID_SPANID,
  INVALID_TRACEID,
  propagation,
  ROOT_CONTEXT,
  type Span,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import { inLowerCase } from "../../../runtime/base/header_names.ts";
import type { AddedHeaders } from "../../../runtime/ports/interceptor.ts";
import { guarded, untraced } from "./guarded.ts";
import { within } from "./light_context.ts";
import { ReceivedTrace } from "./received_trace.ts";

/** A context in which messages of a trace that is not sampled are sent. */
interface Sender {
  readonly context: Context;
  /** What all of them get that have no headers of their own: no message from elsewhere has this object. */
  readonly headers: AddedHeaders;
}

/** The headers of W3C Trace Context and Baggage. */
const w3cFields = ["traceparent", "tracestate", "baggage"];

/**
 * Carries the context of spans in the headers of messages, by the propagator of the program, or by that of W3C if it has none.
 * That is by far the most usual one, so its two headers are written and read here: the propagator takes microseconds.
 */
export class Carrier {
  /** Whether the propagator of the program is that of W3C; unknown before the first message. */
  #isW3c: boolean | undefined = undefined;
  /** The trace that was read last, and the sender that was last: most messages of a trace say the same. */
  #read: ReceivedTrace | undefined = undefined;
  #sender: Sender | undefined = undefined;

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
    try {
      if (this.#takes(propagation.getBaggage(parent))) return this.#w3cHeadersOf(parent, span, given);
    } catch (error) {
      untraced(error);
      return undefined;
    }
    const headers: Record<string, string> = {};
    guarded(() => propagation.inject(span === undefined ? parent : within(parent, span), headers));
    return headers;
  }

  /** The context that the headers of a message continue; the root context if they continue none. */
  contextOf(headers: AddedHeaders | undefined): Context {
    if (headers === undefined) return ROOT_CONTEXT;
    try {
      const carried = headers.traceparent === undefined ? inLowerCase(headers) : headers;
      if (this.#takes(carried.baggage)) return this.#receive(carried) ?? ROOT_CONTEXT;
      return propagation.extract(ROOT_CONTEXT, carried) ?? ROOT_CONTEXT;
    } catch (error) {
      untraced(error);
      return ROOT_CONTEXT;
    }
  }

  /** Whether a context is known to have a trace that is not sampled. */
  dropsIn(context: Context): boolean {
    return this.#sender !== undefined && context === this.#sender.context;
  }

  /** Whether a message with these headers was sent in a context, or by a turn that such a message has caused. */
  wasSentIn(context: Context, headers: AddedHeaders | undefined): boolean {
    return this.dropsIn(context) && headers === this.#sender!.headers;
  }

  /**
   * The trace of a message once more, if it has the headers of a sender and was sent neither in that context nor in that of
   * a turn which this sender has caused, but in one that the handler has made: so it gets another object.
   */
  apart(parent: Context, headers: AddedHeaders | undefined): AddedHeaders | undefined {
    const sender = this.#sender;
    if (sender === undefined || headers !== sender.headers || parent === sender.context) return undefined;
    if (parent instanceof ReceivedTrace && parent === context.active()) return undefined;
    return { traceparent: headers.traceparent };
  }

  #receive(headers: AddedHeaders): ReceivedTrace | undefined {
    const known = this.#read;
    if (known?.traceparent === headers.traceparent && known?.tracestate === headers.tracestate) return known;
    return this.#read = ReceivedTrace.in(headers);
  }

  #w3cHeadersOf(
    parent: Context,
    span: Span | undefined,
    given: AddedHeaders | undefined,
  ): AddedHeaders | undefined {
    const sender = this.#sender;
    if (span === undefined && sender?.context === parent && given?.traceparent === undefined) {
      return sender.headers;
    }
    const isOwn = given !== undefined && parent instanceof ReceivedTrace &&
      given.traceparent === parent.traceparent;
    if (isOwn && span === undefined) return undefined;
    const own = (span ?? trace.getSpan(parent))?.spanContext();
    if (own === undefined) return undefined;
    const { traceId, spanId, traceFlags, traceState } = own;
    if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return undefined;
    const isDropped = traceFlags === TraceFlags.NONE;
    if (isDropped && given?.traceparent !== undefined) {
      const isSame = given.traceparent.startsWith(traceId, 3) && given.traceparent.endsWith("-00");
      if (isSame) return undefined;
    }
    const traceparent = `00-${traceId}-${spanId}-${traceFlags < 16 ? "0" : ""}${traceFlags.toString(16)}`;
    const tracestate = traceState && guarded(() => traceState.serialize());
    const headers: AddedHeaders = tracestate ? { traceparent, tracestate } : { traceparent };
    Object.freeze(headers); // so that it goes as it is
    const isAlone = isDropped && span === undefined && propagation.getBaggage(parent) === undefined;
    if (isAlone) this.#sender = { context: parent, headers };
    return headers;
  }

  /** Whether the two headers of W3C are all that is carried. */
  #takes(baggage: unknown): boolean {
    if (this.#isW3c === undefined) {
      const fields = propagation.fields();
      // None is registered (yet), so nobody carries baggage: Deno before 2.6 has none, and that of W3C is the default.
      if (fields.length === 0) return true;
      this.#isW3c = fields.includes("traceparent") && fields.every((field) => w3cFields.includes(field));
    }
    return this.#isW3c && baggage === undefined;
  }
}
