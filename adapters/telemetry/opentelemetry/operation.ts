import { type Attributes, type Span, type SpanContext, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { errorText, safeLine } from "../../../runtime/base/error_text.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import type { InspectedMessage } from "../../../runtime/ports/inspection.ts";
import { attributesOf } from "./labels.ts";

/** The most UTF-16 units of the type of an error. */
const typeUnitsMax = 64;

/** One send or one turn, and its span. */
export class TracedOperation {
  readonly #span: Span;
  readonly #sampled: boolean;
  readonly #onEnd: (error: string | undefined) => void;
  #ended = false;

  /** Calls `onEnd` once with the type of the error, if it failed. */
  constructor(span: Span, context: SpanContext, onEnd: (error: string | undefined) => void) {
    this.#span = span;
    // Deno says of every span that it records.
    this.#sampled = (context.traceFlags & TraceFlags.SAMPLED) !== 0 && span.isRecording();
    this.#onEnd = onEnd;
  }

  /** Tells about its message, if anybody will see that. */
  describe(message: InspectedMessage, shared: Attributes): void {
    if (this.#sampled) this.#span.setAttributes(attributesOf(message, shared));
  }

  readonly end = (): void => this.#end(undefined);

  readonly fail = (error: unknown): void => {
    if (this.#ended) return;
    const type = typeOf(error);
    if (this.#sampled) {
      const message = safeLine(messageOf(error));
      this.#span.setAttribute("error.type", type);
      this.#span.recordException({ name: type, message, stack: errorText(error) });
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
    }
    this.#end(type);
  };

  #end(error: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#span.end();
    this.#onEnd(error);
  }
}

/** The type of an error: its code if it is one of this runtime, else its name. */
function typeOf(error: unknown): string {
  const code = codeOf(error, "");
  if (code !== "") return code.slice(0, typeUnitsMax);
  try {
    const name = error instanceof Error ? error.name : undefined;
    return typeof name === "string" && name !== "" && name.length <= typeUnitsMax ? name : "_OTHER";
  } catch {
    return "_OTHER"; // it cannot be looked at
  }
}
