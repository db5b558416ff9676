import {
  type Attributes,
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  INVALID_SPANID,
  INVALID_TRACEID,
  type MeterProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
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
import type { InspectedMessage, Inspection } from "../../../runtime/ports/inspection.ts";
import type { AddedHeaders, GoOn, Inspectable, Interceptor } from "../../../runtime/ports/interceptor.ts";
import { Carrier } from "./carrier.ts";
import { goOnWith } from "./go_on_with.ts";
import { guarded, untraced } from "./guarded.ts";
import { Instruments } from "./instruments.ts";
import { attributesOf, Labels } from "./labels.ts";
import { within } from "./light_context.ts";
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
   * each span: for a sampler that decides by other things than the parent, or records spans that are not sampled.
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

/** Of how many messages a second it is recorded how long they waited. */
const waitsPerSecond = 100;

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
  /** How many systems tell when they have stopped: one, if it is used as it should be; none in a test of a lone turn. */
  #systems = 0;
  /** Whether a handler has been seen to run in its context. */
  #keepsContext = false;

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
    const seen = this.#seen(span);
    if (seen !== undefined) describe(seen, message, labels.sending);
    const tally = this.#metrics?.sends(labels);
    const operation = this.#operation(seen, tally);
    try {
      const carrier = this.#carrier;
      const added = carrier.headersOf(parent, span, headers) ?? carrier.apart(parent, headers);
      const accepted = goOnWith(goOn, added);
      (operation ?? tally)?.follow(accepted);
      return accepted;
    } catch (error) {
      (operation ?? tally)?.failed(error);
      throw error;
    }
  }

  turn(message: InspectedMessage, goOn: GoOn): unknown {
    const { headers } = message;
    // Never the active context: that is of whoever happened to wake the scheduler.
    const parent = this.#carrier.contextOf(headers);
    const labels = this.#labels.of(message);
    const span = this.#start(labels.processName, consumer, parent);
    const seen = this.#seen(span);
    if (seen !== undefined) describe(seen, message, labels.processing);
    const tally = this.#metrics?.turns(labels);
    const operation = this.#operation(seen, tally);
    try {
      const own = span === undefined ? parent : within(parent, span);
      const added = this.#carrier.headersOf(parent, span, headers) ?? this.#restated(headers, own);
      const result = span === undefined && this.#isIn(own, headers)
        ? goOnWith(goOn, added)
        : context.with(own, goOnWith, undefined, goOn, added);
      if (!isThenable(result)) (operation ?? tally)?.succeeded();
      else if (operation !== undefined || tally !== undefined) {
        const ending = operation ?? new TracedOperation(undefined, tally, undefined, this.#clock);
        this.#await(message, ending, result);
      }
      return result;
    } catch (error) {
      (operation ?? tally)?.failed(error);
      throw error;
    }
  }

  observe(system: Inspectable): Disposable {
    const listening = system.inspect((event) => guarded(() => this.#hear(event)), {
      sampled: waitsPerSecond,
    });
    this.#systems++;
    let ended = false;
    return {
      [Symbol.dispose]: () => {
        if (ended) return;
        ended = true;
        listening[Symbol.dispose]();
        if (--this.#systems === 0) this.#stop();
      },
    };
  }

  /** Ends what is still awaited: with a store, a turn that the stop leaves is no dead letter. */
  #stop(): void {
    const error = new StoppedError("Cannot run the handler to its end: the system has stopped");
    for (const operation of this.#awaited.values()) operation.failed(error);
    this.#awaited.clear();
    this.#instruments?.end();
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
      this.#awaited.get(name)?.failed(error);
      this.#awaited.delete(name);
    }
  }

  /** The metrics, made when they are first needed: an SDK may be registered after the system is made. */
  get #metrics(): Instruments | undefined {
    if (this.#options.metrics === false) return undefined;
    return this.#instruments ??= new Instruments(
      this.#options.meterProvider,
      this.#clock,
      () => this.#systems > 0,
    );
  }

  /**
   * The context in which a message is sent. A program without spans of its own may still go on with the trace of its caller,
   * which the headers have.
   */
  #parentOf(headers: AddedHeaders | undefined): Context {
    try {
      const active = context.active();
      if (headers === undefined || this.#carrier.dropsIn(active) || hasTrace(active)) return active;
      const given = this.#carrier.contextOf(headers);
      if (given === ROOT_CONTEXT) return active;
      const baggage = propagation.getBaggage(active);
      return baggage === undefined ? given : propagation.setBaggage(given, baggage);
    } catch (error) {
      untraced(error);
      return ROOT_CONTEXT;
    }
  }

  /**
   * The trace of a message again, as what its turn adds to all that it sends, for a program that has no manager of contexts:
   * there a send of the handler with headers of its own would know of no trace.
   */
  #restated(headers: AddedHeaders | undefined, own: Context): AddedHeaders | undefined {
    if (headers?.traceparent === undefined || this.#keepsContext) return undefined;
    this.#keepsContext = context.with(own, isWithin, undefined, own);
    if (this.#keepsContext) return undefined;
    const { traceparent, tracestate } = headers;
    return tracestate === undefined ? { traceparent } : { traceparent, tracestate };
  }

  /**
   * Whether the active context is that of a message, or the one in which the message was sent, so that the turn need not enter
   * another: to enter one takes longer than all the rest of a trace that is not sampled.
   */
  #isIn(own: Context, headers: AddedHeaders | undefined): boolean {
    const active = context.active();
    return active === own || this.#carrier.wasSentIn(active, headers);
  }

  /** Begins a span; none if its parent is not sampled, and the parent decides. */
  #start(name: string, options: SpanOptions, parent: Context): Span | undefined {
    try {
      if (this.#parentDecides && (this.#carrier.dropsIn(parent) || isDropped(parent))) return undefined;
      const span = this.#tracer.startSpan(name, options, parent);
      span.spanContext(); // it is asked for later, where nothing may be thrown
      return span;
    } catch (error) {
      untraced(error);
      return trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
    }
  }

  /**
   * The span if anybody may see it; another ends at once. One that is recorded and not sampled is for the processors of the
   * program: it is left out where the parent decides, because Deno says of every span that it records.
   */
  #seen(span: Span | undefined): Span | undefined {
    if (span === undefined) return undefined;
    try {
      const isWanted = !this.#parentDecides || (span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0;
      if (isWanted && span.isRecording()) return span;
      span.end();
    } catch (error) {
      untraced(error);
    }
    return undefined;
  }

  /** A send or a turn that somebody sees or that is measured. Most are only counted. */
  #operation(span: Span | undefined, tally: Tally | undefined): TracedOperation | undefined {
    const beganMs = tally?.begin(this.#clock);
    if (span === undefined && beganMs === undefined) return undefined;
    return new TracedOperation(span, tally, beganMs, this.#clock);
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
      operation.succeeded();
    }, (error) => {
      settled();
      operation.failed(error);
    });
  }
}

/** Tells about the message of a span. */
function describe(span: Span, message: InspectedMessage, shared: Attributes): void {
  guarded(() => span.setAttributes(attributesOf(message, shared)));
}

/** Whether there is a trace in a context. */
function hasTrace(context: Context): boolean {
  if (context instanceof ReceivedTrace) return true;
  const own = trace.getSpanContext(context);
  return own !== undefined && isValid(own);
}

/** Whether what is in a context is a trace that is not sampled. */
function isDropped(context: Context): boolean {
  if (context instanceof ReceivedTrace) return !context.isSampled;
  const own = trace.getSpanContext(context);
  return own !== undefined && (own.traceFlags & TraceFlags.SAMPLED) === 0 && isValid(own);
}

/** Whether there is a span. Whoever made it has made valid ids, or none. */
function isValid({ traceId, spanId }: SpanContext): boolean {
  return traceId !== INVALID_TRACEID && spanId !== INVALID_SPANID;
}

/** Whether the span of a context is the active one. */
function isWithin(own: Context): boolean {
  return trace.getSpan(context.active()) === trace.getSpan(own);
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
