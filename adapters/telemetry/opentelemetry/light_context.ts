import { type Context, ROOT_CONTEXT, type Span, trace } from "@opentelemetry/api";

/** The key under which the API looks for the span of a context. */
const spanKey = keyOfSpan();

/**
 * A context that has a span and nothing else. Deno copies the context of each turn and all that it holds until its collector
 * has looked at everything, and those of the API hold half a kilobyte.
 */
export abstract class LightContext implements Context {
  abstract readonly span: Span;

  getValue(key: symbol): unknown {
    return key === spanKey ? this.span : undefined;
  }

  setValue(key: symbol, value: unknown): Context {
    return this.deleteValue(key).setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return key === spanKey ? ROOT_CONTEXT : ROOT_CONTEXT.setValue(spanKey, this.span);
  }
}

class WithinSpan extends LightContext {
  override readonly span: Span;

  constructor(span: Span) {
    super();
    this.span = span;
  }
}

/** The context within a span whose parent is in another context. */
export function within(parent: Context, span: Span): Context {
  const hasOnlySpan = parent === ROOT_CONTEXT || parent instanceof LightContext;
  return hasOnlySpan ? new WithinSpan(span) : trace.setSpan(parent, span);
}

/** The API tells nobody its key, but asks each context for it. */
function keyOfSpan(): symbol {
  let asked: symbol | undefined;
  const probe: Context = {
    getValue(key) {
      asked = key;
      return undefined;
    },
    setValue: () => probe,
    deleteValue: () => probe,
  };
  trace.getSpan(probe);
  return asked!;
}
