import { type Span, SpanStatusCode } from "@opentelemetry/api";
import { errorText, safeLine } from "../../../runtime/base/error_text.ts";
import { messageOf } from "../../../runtime/base/errors.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import { guarded, untraced } from "./guarded.ts";

/** The most UTF-16 units of the type of an error. */
const typeUnitsMax = 64;

/** Called when an operation has ended, with the type of its error if it failed. */
export type OnEnd = (error: string | undefined) => void;

/** One send or one turn, and its span. */
export class TracedOperation {
  readonly #span: Span;
  readonly #sampled: boolean;
  readonly #onEnd: OnEnd | undefined;
  #ended = false;

  /** Calls `onEnd` once with the type of the error, if it failed. */
  constructor(span: Span, sampled: boolean, onEnd: OnEnd | undefined) {
    this.#span = span;
    this.#sampled = sampled;
    this.#onEnd = onEnd;
  }

  end(): void {
    this.#end(undefined);
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    if (!this.#sampled && this.#onEnd === undefined) return this.#end(undefined); // nobody will see the error
    const type = typeOf(error);
    if (this.#sampled) guarded(() => this.#describe(type, error));
    this.#end(type);
  }

  /** Ends when a promise settles. */
  endWith(promise: PromiseLike<unknown>): void {
    Promise.resolve(promise).then(() => this.end(), (error) => this.fail(error));
  }

  #describe(type: string, error: unknown): void {
    const message = safeLine(messageOf(error));
    this.#span.setAttribute("error.type", type);
    this.#span.recordException({ name: type, message, stack: errorText(error) });
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
  }

  #end(error: string | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    try {
      this.#span.end();
      this.#onEnd?.(error);
    } catch (thrown) {
      untraced(thrown);
    }
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
