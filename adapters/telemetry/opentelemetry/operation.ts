import { type Span, SpanStatusCode } from "@opentelemetry/api";
import type { Clock } from "../../../runtime/base/clock.ts";
import { errorText, safeLine } from "../../../runtime/base/error_text.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import { guarded } from "./guarded.ts";
import type { Tally } from "./tally.ts";

/** The most UTF-16 units of the type of an error. */
const typeUnitsMax = 64;

/** One send or one turn that somebody sees: its span, its numbers, or both. */
export class TracedOperation {
  readonly #span: Span | undefined;
  readonly #tally: Tally | undefined;
  readonly #clock: Clock;
  /** When it began, if its duration is measured. */
  readonly #beganMs: number | undefined = undefined;
  #ended = false;

  /** The span is absent if it is not sampled, the tally if there are no metrics. */
  constructor(span: Span | undefined, tally: Tally | undefined, clock: Clock) {
    this.#span = span;
    this.#tally = tally;
    this.#clock = clock;
    if (tally === undefined) return;
    const nowMs = clock.monotonicMs();
    if (tally.measures(nowMs)) this.#beganMs = nowMs;
  }

  end(): void {
    this.#end(undefined);
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    const type = typeOf(error);
    const span = this.#span;
    if (span !== undefined) guarded(() => describe(span, type, error));
    this.#end(type);
  }

  /** Ends when a promise settles. */
  endWith(promise: PromiseLike<unknown>): void {
    Promise.resolve(promise).then(() => this.end(), (error) => this.fail(error));
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
