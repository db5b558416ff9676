import {
  createTraceState,
  INVALID_SPANID,
  INVALID_TRACEID,
  type Span,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import type { AddedHeaders } from "../../../runtime/ports/interceptor.ts";
import { LightContext } from "./light_context.ts";

/** A `traceparent`: one of a version after 00 may have more behind it. */
const traceparentForm = /^(?!ff)[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}(?:$|(?<!^00.+)-)/;

/** The trace that a message has in its headers by W3C Trace Context. */
export class ReceivedTrace extends LightContext {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
  #span: Span | undefined = undefined;

  /** The trace in some headers; nothing if there is none. */
  static in({ traceparent, tracestate }: AddedHeaders): ReceivedTrace | undefined {
    if (traceparent === undefined || !traceparentForm.test(traceparent)) return undefined;
    const isValid = !traceparent.startsWith(INVALID_TRACEID, 3) &&
      !traceparent.startsWith(INVALID_SPANID, 36);
    return isValid ? new ReceivedTrace(traceparent, tracestate) : undefined;
  }

  private constructor(traceparent: string, tracestate: string | undefined) {
    super();
    this.traceparent = traceparent;
    this.tracestate = tracestate;
  }

  get isSampled(): boolean {
    return (this.#flags & TraceFlags.SAMPLED) !== 0;
  }

  /** The span of the sender. */
  override get span(): Span {
    return this.#span ??= trace.wrapSpanContext({
      traceId: this.traceparent.slice(3, 35),
      spanId: this.traceparent.slice(36, 52),
      traceFlags: this.#flags,
      isRemote: true,
      traceState: this.tracestate ? createTraceState(this.tracestate) : undefined,
    });
  }

  get #flags(): number {
    const text = this.traceparent;
    return text.startsWith("00", 53) ? TraceFlags.NONE : parseInt(text.slice(53, 55), 16);
  }
}
