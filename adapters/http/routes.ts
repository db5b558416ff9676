import type { AskOptions } from "../../runtime/language/address.ts";
import { servicesMax, type SurveyOptions } from "../../runtime/language/context.ts";
import type { IngressSendOptions } from "../../runtime/language/ingress_options.ts";
import type { Context } from "hono";
import { PosthornError, ReplyPendingError, StoppedError } from "../../runtime/base/errors.ts";
import type { Ask, Event, Mode, Operation, Submit, Survey, Tell } from "../../runtime/language/protocol.ts";
import { StoreError } from "../../runtime/base/store_errors.ts";
import { type AnswerHeaders, Answers, notStored } from "./answers.ts";
import { argumentsOf } from "./arguments.ts";
import { readPayload, wantsSuperjson } from "./body/body.ts";
import { type Callers, textOfCaller } from "./caller.ts";
import type { Exposure } from "./exposure.ts";
import type { Failures } from "./failures.ts";
import type { Feed, FeedReader, FeedStart } from "./streams/feed.ts";
import type { IngressBounds, IngressOptions } from "./options.ts";
import {
  delayParameter,
  idempotencyKey,
  integerParameter,
  pathBefore,
  preferredWaitSeconds,
  subjectPattern,
} from "./parameters.ts";
import type { IngressSystem } from "./port.ts";
import { refuseMethod, RequestError } from "./problem.ts";
import { takeBack } from "./take_back.ts";
import { type TraceContext, traceContext } from "./trace_context.ts";

/** The modes that address one actor. */
export const actorModes = ["tell", "ask", "submit"] as const;

/** In a request the position of the message to follow, in a response that of the request's own message. */
const placeHeader = "posthorn-after";

/** The response to a request whose reply is pending. */
interface Pending {
  /** The id of the message in the response to a submit, of the reply in one to a request for it. */
  readonly id: string;
  readonly headers: Readonly<AnswerHeaders>;
  /** The location of the reply; absent in the response to a request for it. */
  readonly location?: string;
}

/** How to wait for a reply. */
interface Wait {
  readonly timeoutMs: number;
  /** Whether to read the reply without collecting it. */
  readonly looks: boolean;
  /** Aborts when the client disconnects. */
  readonly signal: AbortSignal | undefined;
  /** The value of `Preference-Applied`; absent if the request has no preference. */
  readonly applied: string | undefined;
}

/** The handlers of all routes, and their shared state. */
export class Routes {
  readonly #system: IngressSystem;
  readonly #exposure: Exposure;
  readonly #ownCaller: IngressOptions["caller"];
  #callers: Callers | undefined;
  readonly #options: IngressBounds;
  readonly #failures: Failures;
  readonly #answers: Answers;
  /** Whether the system has a store. Messages then have positions, which are valid on all instances. */
  readonly #durable: boolean;
  readonly #feeds = new Map<string, Feed>();
  #streams = 0;

  constructor(
    system: IngressSystem,
    exposure: Exposure,
    caller: IngressOptions["caller"],
    options: IngressBounds,
    failures: Failures,
  ) {
    this.#system = system;
    this.#exposure = exposure;
    this.#ownCaller = caller;
    this.#options = options;
    this.#failures = failures;
    this.#answers = new Answers(caller !== undefined);
    this.#durable = system.health.store !== undefined;
  }

  async send(context: Context): Promise<Response> {
    const { req } = context;
    const protocol = req.param("posthornProtocol") as string;
    const operation = this.#exposure.operation(
      protocol,
      req.param("posthornOperation") as string,
      actorModes,
    );
    const ref = this.#system.ref(
      { "~protocol": { name: protocol, operations: {} } },
      req.param("posthornKey") as string,
    );
    let bytes: number | undefined;
    const payload = await readPayload(context, this.#options, (read) => bytes = read);
    const id = idempotencyKey(context);
    const found = this.#caller(context, id !== undefined || operation.mode !== "ask");
    const caller = typeof found === "string" ? found : await found;
    const delay = delayParameter(context, operation.mode !== "ask", this.#system.clock, this.#options);
    if (operation.mode === "ask") {
      const asking = operation as Ask<unknown, unknown, unknown, unknown, string>;
      // without an id, the ask is not stored and has no position
      const headers: AnswerHeaders | undefined = id === undefined ? undefined : {};
      const options: AskOptions & IngressSendOptions = {
        id,
        caller,
        timeoutMs: integerParameter(context, "timeoutMs", this.#options.timeoutMsMax),
        bytes,
        after: this.#after(context),
        onAccepted: headers && this.#tellsPlace(headers),
        raw: true,
        asker: context.req.raw,
        ...traceContext(context),
      };
      const answer = await ref.ask(asking, ...argumentsOf(operation, payload, options));
      return await this.#answers.value(context, answer, headers);
    }
    const headers: AnswerHeaders = {};
    const options = { ...this.#named(context, id, caller, bytes, headers), ...delay };
    if (operation.mode === "tell") {
      await ref.tell(
        operation as Tell<unknown, unknown, string>,
        ...argumentsOf(operation, payload, options),
      );
      return this.#answers.accepted(context, options.id, headers);
    }
    // Parsed before the submit, so that no accepted request gets an error. A mount may have parameters.
    const replies = `${pathBefore(context, 4)}/replies/`;
    const wait = this.#wait(context);
    const submitting = operation as Submit<unknown, unknown, unknown, unknown, string>;
    const ticket = await ref.submit(submitting, ...argumentsOf(operation, payload, options));
    const location = replies + ticket.id;
    const pending = { id: options.id, headers, location };
    if (wait.applied === undefined) return this.#pending(context, pending);
    try {
      return await this.#collect(context, ticket.id, caller, wait, pending);
    } catch (error) {
      // The request was accepted, so a failure to wait for its reply is not a failure of the request.
      if (error instanceof StoreError || error instanceof StoppedError) {
        this.#failures.tell(error);
        return this.#pending(context, pending);
      }
      const response = this.#failures.answer(error);
      response.headers.set("location", location);
      return response;
    }
  }

  async reply(context: Context): Promise<Response> {
    const id = context.req.param("posthornReply") as string;
    const wait = this.#wait(context);
    return await this.#collect(context, id, await this.#caller(context, true), wait, { id, headers: {} });
  }

  async cancel(context: Context): Promise<Response> {
    const id = context.req.param("posthornReply") as string;
    const ticket = this.#system.ticket(id, undefined, { caller: await this.#caller(context, true) });
    return await takeBack(context, ticket, this.#options.timeoutMsMax);
  }

  async publish(context: Context): Promise<Response> {
    const event = this.event(context);
    if (!this.#exposure.mayPublish(event)) return refuseMethod(context, this.#exposure.methods(event));
    let bytes: number | undefined;
    const payload = await readPayload(context, this.#options, (read) => bytes = read);
    const id = idempotencyKey(context);
    delayParameter(context, false, this.#system.clock, this.#options);
    const headers: AnswerHeaders = {};
    const options = this.#named(context, id, await this.#caller(context, true), bytes, headers);
    await this.#system.publish(
      event as Event<unknown, unknown, string>,
      ...argumentsOf(event, payload, options),
    );
    return this.#answers.accepted(context, options.id, headers);
  }

  async subscribe(context: Context, events: readonly Operation[], named: boolean): Promise<Response> {
    const refused = events.find((event) => !this.#exposure.maySubscribe(event));
    if (refused !== undefined) return refuseMethod(context, this.#exposure.methods(refused));
    const pattern = subjectPattern(context);
    const { retryMs, keepAliveMs } = this.#options;
    const headers = {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    if (context.req.method === "HEAD") return context.body(null, 200, headers);
    const { comeBackStream, eventStream } = await import("./streams/event_stream.ts");
    const lastEventId = context.req.header("last-event-id") || context.req.query("lastEventId") || undefined;
    const names = new Set(events.map((event) => event.name));
    const reader = await this.#reader(events[0].protocol, { events: names, lastEventId });
    if (reader === undefined) {
      // after an error status, an EventSource would not reconnect
      return context.body(comeBackStream(retryMs), 200, headers);
    }
    const options = { events: names, pattern, named, lastEventId, retryMs, keepAliveMs };
    return context.body(
      eventStream(reader, this.#system.clock, options, () => this.#streams--),
      200,
      headers,
    );
  }

  async survey(context: Context): Promise<Response> {
    const operation = this.#operation(context, ["survey"]);
    let bytes: number | undefined;
    const payload = await readPayload(context, this.#options, (read) => bytes = read);
    const surveying = operation as Survey<unknown, unknown, unknown, unknown, string>;
    const id = idempotencyKey(context);
    delayParameter(context, false, this.#system.clock, this.#options);
    const { surveyRepliesMax, timeoutMsMax } = this.#options;
    const { surveyStream } = await import("./streams/survey_stream.ts");
    const options: SurveyOptions & IngressSendOptions = {
      id,
      caller: await this.#caller(context, id !== undefined),
      bytes,
      timeoutMs: integerParameter(context, "timeoutMs", timeoutMsMax),
      max: integerParameter(context, "max", surveyRepliesMax) ?? surveyRepliesMax,
      services: integerParameter(context, "services", servicesMax),
      raw: true,
      ...traceContext(context),
    };
    const replies = this.#system.survey(surveying, ...argumentsOf(operation, payload, options));
    const onFailure = (error: unknown) => this.#failures.tell(error);
    return context.body(surveyStream(replies, wantsSuperjson(context), onFailure), 200, {
      "content-type": "application/x-ndjson",
    });
  }

  /** How to wait for a reply. Called before any await, so that no disconnection of the client is missed. */
  #wait(context: Context): Wait {
    const seconds = preferredWaitSeconds(context);
    const looks = context.req.method === "HEAD";
    const timeoutMs = looks ? 0 : Math.min((seconds ?? 0) * 1_000, this.#options.timeoutMsMax);
    return {
      timeoutMs,
      looks,
      signal: timeoutMs > 0 ? context.req.raw.signal : undefined,
      applied: seconds === undefined ? undefined : `wait=${Math.floor(timeoutMs / 1_000)}`,
    };
  }

  /**
   * Responds with a reply or that it is pending. A client that disconnects while it waits collects nothing.
   */
  async #collect(
    context: Context,
    id: string,
    caller: string,
    { timeoutMs, looks, signal, applied }: Wait,
    pending: Pending,
  ): Promise<Response> {
    const told: AnswerHeaders = { ...notStored, ...pending.headers };
    if (applied !== undefined) told["preference-applied"] = applied;
    try {
      const reply = await this.#system.ticket(id, undefined, { caller }).reply({
        timeoutMs,
        signal,
        peek: looks,
      });
      return await this.#answers.value(context, reply, { ...told, vary: "accept, prefer" });
    } catch (error) {
      const left = signal?.aborted ?? false; // then nobody reads the response
      if (!left && !(error instanceof ReplyPendingError)) throw error;
      return this.#pending(context, pending);
    }
  }

  #pending(context: Context, { id, headers, location }: Pending): Response {
    const told: AnswerHeaders = { ...headers, "retry-after": "1" };
    if (location === undefined) Object.assign(told, notStored, { vary: "prefer" });
    else told.location = location; // caches do not store the response to a POST
    return this.#answers.accepted(context, id, told);
  }

  /**
   * The caller of a request. A digest takes longer than an ask, so it is computed only if an id, a reply, or
   * a possible dead letter must be attributed to the caller.
   */
  #caller(context: Context, toldApart: boolean): string | Promise<string> {
    if (this.#ownCaller !== undefined) {
      const caller = this.#ownCaller(context);
      return typeof caller === "string" ? caller : textOfCaller(caller);
    }
    if (!toldApart || context.req.header("authorization") === undefined) return "";
    return this.#callers === undefined ? this.#loadCallers(context) : this.#callers.of(context);
  }

  /**
   * Loads the digest function once, when it is needed: an import per request would cost as much as an ask.
   */
  async #loadCallers(context: Context): Promise<string> {
    const { Callers } = await import("./caller.ts");
    return await (this.#callers ??= new Callers()).of(context);
  }

  /** The options of a message whose response contains its id: a new one if the client gave none. */
  #named(
    context: Context,
    id: string | undefined,
    caller: string,
    bytes: number | undefined,
    headers: AnswerHeaders,
  ): { readonly id: string } & TraceContext & IngressSendOptions {
    return {
      id: id ?? this.#system.newId(), // nobody can guess it, and send a key that is the same
      caller,
      deduplicate: id !== undefined,
      bytes,
      after: this.#after(context),
      onAccepted: this.#tellsPlace(headers),
      ...traceContext(context),
    };
  }

  /** Returns a function that adds the position of a message to the response; `undefined` without a store. */
  #tellsPlace(headers: AnswerHeaders): ((place: string) => void) | undefined {
    return this.#durable ? (place) => headers[placeHeader] = place : undefined;
  }

  /** The position of the message to be handled after; `undefined` without a store. */
  #after(context: Context): string | undefined {
    return this.#durable ? context.req.header(placeHeader) || undefined : undefined;
  }

  /** The event that the path names. */
  event(context: Context): Operation {
    return this.#operation(context, ["event"]);
  }

  /** The events that `?event=` names, or all events of the protocol that clients can subscribe to. */
  events(context: Context): Operation[] {
    const protocol = context.req.param("posthornProtocol") as string;
    const names = context.req.query("event");
    if (names !== undefined) {
      return names.split(",").map((name) => this.#exposure.operation(protocol, name, ["event"]));
    }
    const events = this.#exposure.events(protocol);
    if (events.length > 0) return events;
    throw new RequestError(404, "unknown-protocol", `There is no protocol ${protocol} with events here`);
  }

  /** The HTTP methods that the route of an operation supports. */
  methods(context: Context, modes: readonly Mode[]): string {
    return this.#exposure.methods(this.#operation(context, modes));
  }

  #operation(context: Context, modes: readonly Mode[]): Operation {
    const names = context.req.param() as Record<string, string>;
    return this.#exposure.operation(names.posthornProtocol, names.posthornOperation, modes);
  }

  /** Opens a reader of events and counts it; `undefined` if the client has to reconnect later. */
  async #reader(protocol: string, start: FeedStart): Promise<FeedReader | undefined> {
    if (this.#streams >= this.#options.streamsMax || this.#system.health.status !== "running") {
      return undefined;
    }
    this.#streams++;
    try {
      const reader = (await this.#feed(protocol)).open(start);
      return reader instanceof Promise ? await reader : reader;
    } catch (error) {
      this.#streams--;
      if (error instanceof PosthornError) return undefined; // there is no room, or the store is unavailable
      throw error;
    }
  }

  /** The feed of a protocol, created with its first reader. Rejects if the system has no room. */
  async #feed(protocol: string): Promise<Feed> {
    const found = this.#feeds.get(protocol);
    if (found !== undefined) return found;
    const { replayEventsMax: eventsMax, replayCharactersMax: charactersMax } = this.#options;
    const make = this.#durable ? keptFeed : eventFeed;
    const made = await make(this.#system, this.#exposure.events(protocol), { eventsMax, charactersMax });
    const feed = this.#feeds.get(protocol) ?? made(); // another request may have created it meanwhile
    this.#feeds.set(protocol, feed);
    return feed;
  }
}

type FeedParts = readonly [
  system: IngressSystem,
  events: readonly Operation[],
  bounds: { readonly eventsMax: number; readonly charactersMax: number },
];

async function eventFeed(...[system, events, bounds]: FeedParts): Promise<() => Feed> {
  const { MemoryFeed } = await import("./streams/memory_feed.ts");
  return () => new MemoryFeed(system, events, bounds.eventsMax, bounds.charactersMax);
}

async function keptFeed(...[system, events, bounds]: FeedParts): Promise<() => Feed> {
  const { LogFeed } = await import("./streams/log_feed.ts");
  return () => new LogFeed(system, events, bounds);
}
