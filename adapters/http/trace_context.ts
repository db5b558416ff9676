import type { Context } from "hono";

/** The headers of a message that came over HTTP. */
export interface TraceContext {
  readonly headers?: Readonly<Record<string, string>>;
}

const noTrace: TraceContext = {};
/**
 * A version (never `ff`), a trace id and a parent id (neither of zeros alone), and flags; later versions than 00 may add
 * more.
 */
const traceparent =
  /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}((?<!^00-.{52})-.{0,200})?$/;
/** The length that every vendor has to pass on. */
const tracestateMax = 512;

/**
 * The trace of a request (W3C Trace Context), as headers of its message: so it travels with all that follows from the
 * request. A `traceparent` that is not valid begins no trace and is left out, and a `tracestate` without a valid one, or
 * of more than 512 characters, too. Neither is a reason to refuse a request.
 */
export function traceContext({ req }: Context): TraceContext {
  const parent = req.header("traceparent");
  if (parent === undefined || !traceparent.test(parent)) return noTrace;
  const state = req.header("tracestate");
  const keeps = state !== undefined && state !== "" && state.length <= tracestateMax;
  return { headers: keeps ? { traceparent: parent, tracestate: state } : { traceparent: parent } };
}
