import { type Span, SpanStatusCode } from "@opentelemetry/api";
import type { Clock } from "../../../runtime/base/clock.ts";
import { errorText, safeLine } from "../../../runtime/base/error_text.ts";
import { isThenable } from "../../../runtime/base/thenable.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { errorType } from "./error_type.ts";
import { guarded } from "./guarded.ts";
import type { Tally } from "./tally.ts";

/** One send or one turn that somebody sees: its span, its numbers, or both. */
export class TracedOperation {
  readonly #span: Span | undefined;
  readonly #tally: Tally | undefined;
  readonly #clock: Clock;
  /** When it began, if its duration is measured. */
  readonly #beganMs: number | undefined;
  #ended = false;

  /** The span is absent if it is not sampled, the tally if there are no metrics. */
  constructor(span: Span | undefined, tally: Tally | undefined, beganMs: number | undefined, clock: Clock) {
    this.#span = span;
    this.#tally = tally;
    this.#beganMs = beganMs;
    this.#clock = clock;
  }

  succeeded(): void {
    this.#end(undefined);
  }

  failed(error: unknown): void {
    if (this.#ended) return;
    const type = errorType(error);
    const span = this.#span;
    if (span !== undefined) guarded(() => describe(span, type, error));
    this.#end(type);
  }

  /** Ends when its result is there. */
  follow(result: unknown): void {
    if (isThenable(result)) {
      Promise.resolve(result).then(() => this.succeeded(), (error) => this.failed(error));
    } else this.succeeded();
  }

  #end(error: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const span = this.#span;
    if (span !== undefined) guarded(() => span.end());
    const beganMs = this.#beganMs;
    this.#tally?.end(error, beganMs === undefined ? undefined : this.#clock.monotonicMs() - beganMs);
  }
}

/** Tells about the error of a span. */
function describe(span: Span, type: string, error: unknown): void {
  const message = safeLine(messageOf(error));
  span.setAttribute("error.type", type);
  span.recordException({ name: type, message, stack: errorText(error) });
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}
