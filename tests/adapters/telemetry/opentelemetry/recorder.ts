import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Attributes,
  type Context,
  context,
  type ContextManager,
  type Exception,
  type Meter,
  type MeterProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type SpanKind,
  type SpanOptions,
  type SpanStatus,
  type TextMapPropagator,
  trace,
  type TracerProvider,
} from "@opentelemetry/api";

/** A span that was recorded. */
export interface Recorded {
  readonly name: string;
  readonly kind: SpanKind | undefined;
  readonly traceId: string;
  readonly spanId: string;
  /** The id of its parent, if it has one. */
  readonly parentId: string | undefined;
  readonly attributes: Attributes;
  readonly exceptions: Exception[];
  status: SpanStatus | undefined;
  ended: boolean;
}

/** Records spans and metrics in memory, for the API alone. */
export class Recorder implements TracerProvider, MeterProvider {
  readonly spans: Recorded[] = [];
  /** What was recorded by each metric: its values, each with its attributes. */
  readonly values = new Map<string, { readonly value: number; readonly attributes: Attributes }[]>();
  /** Whether spans are sampled. */
  sampled = true;
  /** Whether those are recorded that are not sampled. */
  records = false;

  getTracer() {
    return {
      startSpan: (name: string, options: SpanOptions = {}, parent = context.active()) =>
        this.#start(name, options, parent),
      startActiveSpan: (): never => {
        throw new Error("not used");
      },
    };
  }

  getMeter(): Meter {
    const instrument = (name: string) => {
      const values: { value: number; attributes: Attributes }[] = [];
      this.values.set(name, values);
      const add = (value: number, attributes: Attributes = {}) => void values.push({ value, attributes });
      return { add, record: add };
    };
    return { createHistogram: instrument, createCounter: instrument } as unknown as Meter;
  }

  /** The spans, each as `name < name of its parent`, in order. */
  get tree(): string[] {
    return this.spans.map(({ name, parentId, status, ended }) => {
      const parent = this.spans.find(({ spanId }) => spanId === parentId)?.name;
      const origin = parentId === undefined ? "" : ` < ${parent ?? "elsewhere"}`;
      return `${name}${origin}${status?.code === 2 ? " failed" : ""}${ended ? "" : " open"}`;
    });
  }

  named(name: string): Recorded {
    const found = this.spans.find((span) => span.name === name);
    if (found === undefined) throw new Error(`no span ${name}: ${this.tree.join(", ")}`);
    return found;
  }

  #start(name: string, { kind, attributes = {} }: SpanOptions, parent: Context): Span {
    const before = trace.getSpanContext(parent);
    const spanId = (this.spans.length + 1).toString(16).padStart(16, "0");
    const traceId = before?.traceId ?? spanId.padStart(32, "a");
    const recorded: Recorded = {
      name,
      kind,
      traceId,
      spanId,
      parentId: before?.spanId,
      attributes: { ...attributes },
      exceptions: [],
      status: undefined,
      ended: false,
    };
    this.spans.push(recorded);
    const own: SpanContext = {
      traceId,
      spanId,
      traceFlags: this.sampled ? 1 : 0,
      ...before?.traceState && { traceState: before.traceState },
    };
    return {
      spanContext: () => own,
      isRecording: () => this.sampled || this.records,
      setAttributes: (all: Attributes) => Object.assign(recorded.attributes, all),
      setAttribute: (key: string, value: never) => Object.assign(recorded.attributes, { [key]: value }),
      recordException: (exception: Exception) => void recorded.exceptions.push(exception),
      setStatus: (status: SpanStatus) => void (recorded.status = status),
      end: () => void (recorded.ended = true),
    } as unknown as Span;
  }
}

/** Keeps the active context in an `AsyncLocalStorage`, as an SDK does. */
export class StorageContext implements ContextManager {
  readonly #storage = new AsyncLocalStorage<Context>();

  active(): Context {
    return this.#storage.getStore() ?? ROOT_CONTEXT;
  }

  with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    own: Context,
    call: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    return this.#storage.run(own, () => call.apply(thisArg, args));
  }

  bind<T>(_own: Context, target: T): T {
    return target;
  }

  enable(): this {
    return this;
  }

  disable(): this {
    return this;
  }
}

/** Counts how often a context was entered. */
export class CountingContext extends StorageContext {
  entered = 0;

  override with<A extends unknown[], F extends (...args: A) => ReturnType<F>>(
    own: Context,
    call: F,
    thisArg?: ThisParameterType<F>,
    ...args: A
  ): ReturnType<F> {
    this.entered++;
    return super.with(own, call, thisArg, ...args);
  }
}

/** A propagator with one header of its own. */
export const oneHeader: TextMapPropagator<Record<string, string>> = {
  inject(own, carrier) {
    const { traceId, spanId } = trace.getSpanContext(own)!;
    carrier.one = `${traceId}/${spanId}`;
  },
  extract(own, carrier) {
    const [traceId, spanId] = carrier.one?.split("/") ?? [];
    return traceId === undefined ? own : trace.setSpanContext(own, { traceId, spanId, traceFlags: 1 });
  },
  fields: () => ["one"],
};

/** That of W3C, as far as the adapter does not write and read its headers itself. */
export const w3c: TextMapPropagator<Record<string, string>> = {
  inject(own, carrier) {
    const { traceId, spanId, traceFlags } = trace.getSpanContext(own)!;
    carrier.traceparent = `00-${traceId}-${spanId}-0${traceFlags}`;
    const entries = propagation.getBaggage(own)?.getAllEntries() ?? [];
    carrier.baggage = entries.map(([name, { value }]) => `${name}=${value}`).join(",");
  },
  extract(own, carrier) {
    const [, traceId, spanId, flags] = carrier.traceparent.split("-");
    const baggage = Object.fromEntries(
      carrier.baggage.split(",").map((entry) => entry.split("=")).map(([name, value]) => [name, { value }]),
    );
    const parent = trace.setSpanContext(own, { traceId, spanId, traceFlags: Number(flags) });
    return propagation.setBaggage(parent, propagation.createBaggage(baggage));
  },
  fields: () => ["traceparent", "tracestate", "baggage"],
};

/** Registers a propagator and a manager of contexts for the tests of this file. */
export function register(propagator: TextMapPropagator<Record<string, string>>): void {
  context.disable();
  context.setGlobalContextManager(new StorageContext());
  propagation.disable();
  propagation.setGlobalPropagator(propagator as TextMapPropagator);
}
