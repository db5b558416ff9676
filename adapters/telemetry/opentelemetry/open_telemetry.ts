import {
  type Attributes,
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  INVALID_TRACEID,
  type MeterProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  trace,
  TraceFlags,
  type Tracer,
  type TracerProvider,
} from "@opentelemetry/api";
import { systemClock } from "../../../runtime/base/clock.ts";
import { StoppedError } from "../../../runtime/base/errors.ts";
import { CancelledError } from "../../../runtime/base/cancelled_error.ts";
import { type OptionNames, requireKnownOptions } from "../../../runtime/base/option_names.ts";
import { isThenable } from "../../../runtime/base/thenable.ts";
import { codeOf } from "../../../runtime/base/thrown.ts";
import type { InspectedMessage, Inspection } from "../../../runtime/ports/inspection.ts";
import type { AddedHeaders, GoOn, Inspectable, Interceptor } from "../../../runtime/ports/interceptor.ts";
import { Carrier } from "./carrier.ts";
import { guarded, untraced } from "./guarded.ts";
import { Instruments } from "./instruments.ts";
import { attributesOf, Labels } from "./labels.ts";
import { LightContext, within } from "./light_context.ts";
import { TracedOperation } from "./operation.ts";
import { ReceivedTrace } from "./received_trace.ts";
import type { Tally } from "./tally.ts";

/** Options of {@linkcode openTelemetry}. */
export interface OpenTelemetryOptions {
  /**
   * Whether metrics are reported too.
   *
   * @default {true}
   */
  readonly metrics?: boolean;
  /**
   * Where spans go; by default the provider that the program has registered, as `OTEL_DENO=true` does.
   *
   * @default {trace.getTracerProvider()}
   */
  readonly tracerProvider?: TracerProvider;
  /**
   * Where metrics go.
   *
   * @default {metrics.getMeterProvider()}
   */
  readonly meterProvider?: MeterProvider;
  /**
   * Whether nothing is recorded of a message whose sender's span is not sampled, as the samplers that OpenTelemetry and Deno
   * have by default decide (`parentbased_…`). Then the sampler is not even asked, and no span is begun. `false` asks it for
   * each span: for a sampler that decides by other things than the parent.
   *
   * @default {true}
   */
  readonly parentDecides?: boolean;
}

const optionNames: OptionNames<OpenTelemetryOptions> = {
  meterProvider: true,
  metrics: true,
  parentDecides: true,
  tracerProvider: true,
};

/**
 * An interceptor that traces a system by the conventions of OpenTelemetry for messaging. Each message that is sent is a span
 * (`send order.place`), and each attempt of its turn another (`process order.place`), a child of the first. The handler runs
 * within that, so that what it calls (`fetch`, other sends) is a child of it. `traceparent` and `tracestate` travel in the
 * headers of messages: so a trace follows them through a store, over restarts and to other processes and services, and goes
 * on from the HTTP request or the span in which a message is sent.
 *
 * A failed attempt is a span with the error. Metrics: `messaging.client.operation.duration`,
 * `messaging.client.sent.messages`, `messaging.process.duration`, `messaging.client.consumed.messages`, and of Posthorn's own
 * `messaging.posthorn.wait.duration` and `messaging.posthorn.dead_letters`.
 *
 * It uses the API of OpenTelemetry alone. With Deno, `OTEL_DENO=true` is all that is needed; elsewhere the program registers
 * an SDK before it makes the system. Give each system one of its own.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell, unchecked } from "@posthorn/posthorn";
 * import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
 *
 * const Order = protocol("order", { place: tell(unchecked<string>()) });
 * const order = actor(Order, { state: () => 0, on: { place: (ctx) => { ctx.state += 1; } } });
 *
 * await using system = new System({ actors: [order], intercept: [openTelemetry()] });
 * await system.ref(Order, "ada").tell(Order.place, "tea"); // `send order.place`, then `process order.place`
 * assert(system.stats().accepted === 1);
 * ```
 *
 * @param options where spans and metrics go
 * @returns an interceptor for one system
 */
export function openTelemetry(options: OpenTelemetryOptions = {}): Interceptor {
  requireKnownOptions("openTelemetry", options, optionNames);
  return new OpenTelemetry(options);
}

/** The options of the spans of sends and of turns. */
const producer: SpanOptions = { kind: SpanKind.PRODUCER };
const consumer: SpanOptions = { kind: SpanKind.CONSUMER };

/** The spans and metrics of one system. */
class OpenTelemetry implements Interceptor {
  readonly #tracer: Tracer;
  readonly #options: OpenTelemetryOptions;
  readonly #parentDecides: boolean;
  readonly #carrier = new Carrier();
  readonly #labels = new Labels();
  readonly #clock = systemClock();
  /** The turns that are awaited, by message. */
  readonly #awaited = new Map<string, TracedOperation>();
  #instruments: Instruments | undefined = undefined;

  constructor(options: OpenTelemetryOptions) {
    this.#options = options;
    this.#parentDecides = options.parentDecides !== false;
    this.#tracer = (options.tracerProvider ?? trace).getTracer("posthorn");
  }

  send(message: InspectedMessage, goOn: GoOn): unknown {
    const { headers } = message;
    const parent = this.#parentOf(headers);
    const labels = this.#labels.of(message);
    const span = this.#start(labels.sendName, producer, parent);
    const seen = seenOf(span);
    if (seen !== undefined) describe(seen, message, labels.sending);
    const operation = this.#operation(seen, this.#metrics?.sends(labels));
    try {
      const added = this.#carrier.headersOf(parent, span, headers);
      const accepted = goOnWith(goOn, added);
      if (isThenable(accepted)) operation?.endWith(accepted);
      else operation?.end();
      return accepted;
    } catch (error) {
      operation?.fail(error);
      throw error;
    }
  }

  turn(message: InspectedMessage, goOn: GoOn): unknown {
    const { headers } = message;
    // Never the active context: that is of whoever happened to wake the scheduler.
    const parent = this.#carrier.contextOf(headers);
    const labels = this.#labels.of(message);
    const span = this.#start(labels.processName, consumer, parent);
    const seen = seenOf(span);
    if (seen !== undefined) describe(seen, message, labels.processing);
    const operation = this.#operation(seen, this.#metrics?.turns(labels));
    try {
      const added = this.#carrier.headersOf(parent, span, headers);
      const own = span === undefined ? parent : within(parent, span);
      const result = context.with(own, goOnWith, undefined, goOn, added);
      if (operation === undefined) return result;
      if (isThenable(result)) this.#await(message, operation, result);
      else operation.end();
      return result;
    } catch (error) {
      operation?.fail(error);
      throw error;
    }
  }

  observe(system: Inspectable): Disposable {
    const listening = system.inspect((event) => guarded(() => this.#hear(event)), { sampled: true });
    return {
      [Symbol.dispose]: () => {
        listening[Symbol.dispose]();
        this.#instruments?.end();
      },
    };
  }

  #hear(event: Inspection): void {
    if (event.type === "started") {
      const { message, waitedMs } = event;
      if (message.attempts !== 1 || waitedMs === undefined || message.protocol.startsWith("~")) return;
      this.#metrics?.waited(this.#labels.of(message), waitedMs);
    } else if (event.type === "dead") {
      const { letter } = event;
      this.#metrics?.dead(this.#labels.of(letter), letter.reason);
      if (letter.reason === "stopping") {
        this.#end(letter, new StoppedError(letter.message));
      }
    } else if (event.type === "failed") {
      this.#end(event.message, event.error); // its handler took too long
    } else if (event.type === "cancelled") {
      const { message } = event;
      this.#end(message, new CancelledError(`${message.protocol}/${message.key} was cancelled`));
    }
  }

  /** Ends the turn of a message that is awaited, whether its handler ever settles or not. */
  #end(message: Message, error: unknown): void {
    if (this.#awaited.size === 0) return;
    for (const name of [nameOf(message), nameOfHeard(message)]) {
      this.#awaited.get(name)?.fail(error);
      this.#awaited.delete(name);
    }
  }

  /** The metrics, made when they are first needed: an SDK may be registered after the system is made. */
  get #metrics(): Instruments | undefined {
    if (this.#options.metrics === false) return undefined;
    return this.#instruments ??= guarded(() => new Instruments(this.#options.meterProvider, this.#clock));
  }

  /**
   * The context in which a message is sent. A program without spans of its own may still go on with the trace of its caller,
   * which the headers have.
   */
  #parentOf(headers: AddedHeaders | undefined): Context {
    const active = context.active();
    if (headers === undefined || active instanceof LightContext || trace.getSpan(active) !== undefined) {
      return active;
    }
    const given = this.#carrier.contextOf(headers);
    if (given === ROOT_CONTEXT) return active;
    const baggage = propagation.getBaggage(active);
    return baggage === undefined ? given : propagation.setBaggage(given, baggage);
  }

  /** Begins a span; none if its parent is not sampled, and the parent decides. */
  #start(name: string, options: SpanOptions, parent: Context): Span | undefined {
    try {
      if (this.#parentDecides && isDropped(parent)) return undefined;
      const span = this.#tracer.startSpan(name, options, parent);
      span.spanContext(); // it is asked for later, where nothing may be thrown
      return span;
    } catch (error) {
      untraced(error);
      return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    }
  }

  /** What is told how a send or a turn ends; nothing if nobody wants to know. */
  #operation(span: Span | undefined, tally: Tally | undefined): TracedOperation | undefined {
    if (span === undefined && tally === undefined) return undefined;
    return new TracedOperation(span, tally, this.#clock);
  }

  /** Ends a turn when its handler has settled, or before, if its time is over or its message is taken back. */
  #await(message: Message, operation: TracedOperation, result: PromiseLike<unknown>): void {
    const name = message.key === "" ? nameOfHeard(message) : nameOf(message);
    this.#awaited.set(name, operation);
    const settled = () => {
      if (this.#awaited.get(name) === operation) this.#awaited.delete(name);
    };
    Promise.resolve(result).then(() => {
      settled();
      operation.end();
    }, (error) => {
      settled();
      operation.fail(error);
    });
  }
}

/** Tells about the message of a span. */
function describe(span: Span, message: InspectedMessage, shared: Attributes): void {
  guarded(() => span.setAttributes(attributesOf(message, shared)));
}

/** Whether what is in a context is a trace that is not sampled. */
function isDropped(context: Context): boolean {
  if (context instanceof ReceivedTrace) return !context.isSampled;
  const spanContext = trace.getSpanContext(context);
  if (spanContext === undefined || spanContext.traceId === INVALID_TRACEID) return false;
  return (spanContext.traceFlags & TraceFlags.SAMPLED) === 0;
}

/** The span if anybody will see it; one that is not sampled ends at once. Deno says of every span that it records. */
function seenOf(span: Span | undefined): Span | undefined {
  if (span === undefined) return undefined;
  try {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0 && span.isRecording()) return span;
    span.end();
  } catch (error) {
    untraced(error);
  }
  return undefined;
}

/**
 * Goes on with headers; without `tracestate`, or without any, if they do not fit beside those of the message, or a propagator
 * has made headers that cannot be sent.
 */
function goOnWith(goOn: GoOn, headers: AddedHeaders | undefined): unknown {
  if (headers === undefined) return goOn();
  try {
    return goOn(headers);
  } catch (error) {
    if (!["too-large", "invalid-headers"].includes(codeOf(error, ""))) throw error;
    const { tracestate, ...others } = headers;
    try {
      return goOnWith(goOn, tracestate === undefined ? undefined : others);
    } catch {
      throw error; // it has gone on before, and that failed
    }
  }
}

/** A message as far as it tells its turn from all others. */
type Message = Pick<InspectedMessage, "protocol" | "key" | "id">;

/** A message that has an id from its sender has it for its receiver alone. */
function nameOf({ protocol, key, id }: Message): string {
  return `${protocol}/${key} ${id}`;
}

/** A function hears a publication under its own protocol; the events are those of the actor that calls the function. */
function nameOfHeard({ id }: Message): string {
  return id;
}
