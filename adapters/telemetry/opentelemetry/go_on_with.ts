import { codeOf } from "../../../runtime/base/thrown.ts";
import type { AddedHeaders, GoOn } from "../../../runtime/ports/interceptor.ts";

/**
 * Goes on with headers; with fewer, or without any, if they do not fit beside those of the message, or a propagator has made
 * headers that cannot be sent.
 */
export function goOnWith(goOn: GoOn, headers: AddedHeaders | undefined): unknown {
  if (headers === undefined) return goOn();
  try {
    return goOn(headers);
  } catch (error) {
    if (!["too-large", "invalid-headers"].includes(codeOf(error, ""))) throw error;
    try {
      return goOnWith(goOn, fewer(headers));
    } catch {
      throw error; // it has gone on before, and that failed
    }
  }
}

/** Headers without the next one that a trace can do without; nothing if all of them have to go. */
function fewer(headers: AddedHeaders): AddedHeaders | undefined {
  const name = ["tracestate", "baggage"].find((name) => name in headers);
  if (name === undefined) return undefined;
  const { [name]: _, ...others } = headers;
  return others;
}
