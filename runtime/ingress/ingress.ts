import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { ReplyPendingError, requireDuration, requireInteger } from "../errors.ts";
import type { Ask, Event, Operation, Submit, Survey, Tell } from "../protocol.ts";
import { parseSubjectPattern } from "../subject.ts";
import { readPayload, valueResponse, wantsSuperjson } from "./body.ts";
import { EventFeed } from "./event_feed.ts";
import { comeBackStream, eventStream } from "./event_stream.ts";
import { type Exposed, Exposure } from "./exposure.ts";
import { metricsText } from "./metrics.ts";
import { idempotencyKey, integerParameter, preferredWaitSeconds } from "./parameters.ts";
import type { IngressSystem } from "./port.ts";
import { problem, RequestError } from "./problem.ts";
import { surveyStream } from "./survey_stream.ts";

/** What an ingress lets in, and how much of it. */
export interface IngressOptions {
  /** Operations that can be reached; a whole protocol where all of it is meant. An event can be subscribed to. */
  readonly expose: readonly Exposed[];
  /** Events that outsiders may publish. */
  readonly accept?: readonly Operation<"event">[];
  /**
   * Who speaks: ids and replies of two callers never meet. Without it, the value of the `Authorization` header.
   */
  readonly caller?: (context: Context) => string;
  /**
   * Whether `GET /metrics` answers, to anyone who can reach it.
   *
   * @default {false}
   */
  readonly metrics?: boolean;
  /**
   * The largest body, in bytes, at least 1.
   *
   * @default {1_048_576}
   */
  readonly bodyBytesMax?: number;
  /**
   * The deepest nesting of a body, in levels, at least 1.
   *
   * @default {64}
   */
  readonly depthMax?: number;
  /**
   * The longest that a request waits (`?timeoutMs=`, `Prefer: wait=`), in milliseconds above 0; more is cut to it.
   *
   * @default {30_000}
   */
  readonly timeoutMsMax?: number;
  /**
   * The most replies that a survey may ask for (`?max=`), at least 1; more is cut to it.
   *
   * @default {1_000}
   */
  readonly surveyRepliesMax?: number;
  /**
   * How many events of each protocol are kept for `Last-Event-ID`, at least 1.
   *
   * @default {1_000}
   */
  readonly replayEventsMax?: number;
  /**
   * How many characters of events of each protocol are kept, at least 1.
   *
   * @default {4_194_304}
   */
  readonly replayBytesMax?: number;
  /**
   * The most event streams at once, at least 1. One more is told to come back.
   *
   * @default {1_000}
   */
  readonly streamsMax?: number;
  /**
   * How long an event stream may be silent, in milliseconds above 0.
   *
   * @default {15_000}
   */
  readonly keepAliveMs?: number;
  /**
   * How long a reader whose stream ended waits before it comes back, in milliseconds above 0.
   *
   * @default {2_000}
   */
  readonly retryMs?: number;
}

type Resolved = Required<Omit<IngressOptions, "expose" | "accept" | "caller" | "metrics">>;

const actorModes = ["tell", "ask", "submit"] as const;

/**
 * The way in over HTTP, derived from the protocols alone: a Hono app to serve or to mount, behind whatever
 * middleware. Only what `expose` and `accept` list can be reached.
 *
 * - `POST /actors/{protocol}/{key}/{operation}`: tell 202, ask 200 with the reply, submit 202 with `Location`
 * - `GET /replies/{id}`: the reply of a submit; 202 while it is pending
 * - `POST /events/{protocol}/{event}`: publish, 202
 * - `GET /events/{protocol}/{event}`, `GET /events/{protocol}?event=a,b`: server-sent events
 * - `POST /surveys/{protocol}/{operation}`: 200, lines of JSON as replies come
 * - `GET /healthz`, and `GET /metrics` where asked for
 *
 * `Idempotency-Key` names the message of a POST: repeated, it is answered as the first was. Every failure is a
 * problem document (RFC 9457) with a stable `code`.
 *
 * @example
 * ```ts
 * import { actor, ask, ingress, protocol, System } from "@posthorn/posthorn";
 * import * as z from "zod";
 *
 * const Greeter = protocol("greeter", { greet: ask(z.string(), z.string()) });
 * const greeter = actor(Greeter, { state: () => null, on: { greet: (ctx, name) => `${ctx.key} greets ${name}` } });
 *
 * await using system = new System({ actors: [greeter] });
 * const app = ingress(system, { expose: [Greeter.greet] });
 * const response = await app.request("/actors/greeter/ada/greet", {
 *   method: "POST",
 *   headers: { "content-type": "application/json" },
 *   body: JSON.stringify("Bob"),
 * });
 * console.assert(await response.json() === "ada greets Bob");
 * ```
 *
 * @param system the system that it leads to
 * @param options what it lets in
 * @returns a Hono app
 * @throws {TypeError} when what could come in would not be checked: its payload is `unchecked`
 * @throws {RangeError} when an option is out of its bounds
 */
export function ingress(system: IngressSystem, options: IngressOptions): Hono {
  const resolved = resolve(options);
  const exposure = new Exposure(options.expose, options.accept ?? []);
  const caller = options.caller ?? ((context: Context) => context.req.header("authorization") ?? "");
  const routes = new Routes(system, exposure, caller, resolved);
  const app = new Hono();
  const limit = bodyLimit({
    maxSize: resolved.bodyBytesMax,
    onError: (context) => {
      const why = `The body is larger than ${resolved.bodyBytesMax} bytes`;
      return problem(context, new RequestError(413, "too-large", why));
    },
  });
  app.onError((error, context) => problem(context, error));
  app.post("/actors/:protocol/:key/:operation", limit, (context) => routes.send(context));
  app.get("/replies/:id", (context) => routes.reply(context));
  app.post("/events/:protocol/:event", limit, (context) => routes.publish(context));
  app.get("/events/:protocol/:event", (context) => routes.subscribe(context, false));
  app.get("/events/:protocol", (context) => routes.subscribe(context, true));
  app.post("/surveys/:protocol/:operation", limit, (context) => routes.survey(context));
  app.get("/healthz", (context) => {
    const { health } = system;
    return context.json(health, health.status === "running" ? 200 : 503);
  });
  if (options.metrics) {
    const type = "text/plain; version=0.0.4; charset=utf-8";
    app.get(
      "/metrics",
      (context) => context.body(metricsText(system.stats()), 200, { "content-type": type }),
    );
  }
  refuseOtherMethods(app);
  return app;
}

/** The right path with the wrong method is 405, and what begins like a route and is none is 404. */
function refuseOtherMethods(app: Hono): void {
  const allowed = {
    "/actors/:protocol/:key/:operation": "POST",
    "/replies/:id": "GET, HEAD",
    "/events/:protocol/:event": "GET, HEAD, POST",
    "/events/:protocol": "GET, HEAD",
    "/surveys/:protocol/:operation": "POST",
    "/healthz": "GET, HEAD",
  };
  for (const [path, allow] of Object.entries(allowed)) {
    app.all(path, (context) => refuseMethod(context, allow));
  }
  for (const path of ["/actors/*", "/replies/*", "/events/*", "/surveys/*"]) {
    app.all(
      path,
      (context) => problem(context, new RequestError(404, "unknown-route", "There is no such route")),
    );
  }
}

function refuseMethod(context: Context, allow: string): Response {
  const why = `${context.req.method} is not allowed here: use ${allow}`;
  return problem(context, new RequestError(405, "method-not-allowed", why, { allow }));
}

function resolve(options: IngressOptions): Resolved {
  const resolved: Resolved = {
    bodyBytesMax: options.bodyBytesMax ?? 1_048_576,
    depthMax: options.depthMax ?? 64,
    timeoutMsMax: options.timeoutMsMax ?? 30_000,
    surveyRepliesMax: options.surveyRepliesMax ?? 1_000,
    replayEventsMax: options.replayEventsMax ?? 1_000,
    replayBytesMax: options.replayBytesMax ?? 4_194_304,
    streamsMax: options.streamsMax ?? 1_000,
    keepAliveMs: options.keepAliveMs ?? 15_000,
    retryMs: options.retryMs ?? 2_000,
  };
  for (const [name, value] of Object.entries(resolved)) {
    if (/Ms(Max)?$/.test(name)) requireDuration(name, value);
    else requireInteger(name, value, 1);
  }
  return resolved;
}

/** What the routes share. */
class Routes {
  readonly #system: IngressSystem;
  readonly #exposure: Exposure;
  readonly #caller: (context: Context) => string;
  readonly #options: Resolved;
  readonly #feeds = new Map<string, EventFeed>();
  #streams = 0;

  constructor(
    system: IngressSystem,
    exposure: Exposure,
    caller: (context: Context) => string,
    options: Resolved,
  ) {
    this.#system = system;
    this.#exposure = exposure;
    this.#caller = caller;
    this.#options = options;
  }

  async send(context: Context): Promise<Response> {
    const { protocol, key, operation: name } = context.req.param() as Record<string, string>;
    const operation = this.#exposure.operation(protocol, name, actorModes);
    const ref = this.#system.ref({ "~protocol": { name: protocol, operations: {} } }, key);
    const payload = await readPayload(context, this.#options.depthMax);
    const options = this.#sendOptions(context);
    if (operation.mode === "tell") {
      await ref.tell(operation as Tell<unknown, unknown, string>, payload, options);
      return context.json({ id: options.id }, 202);
    }
    if (operation.mode === "ask") {
      const timeoutMs = integerParameter(context, "timeoutMs", this.#options.timeoutMsMax);
      // An id that was made here is of no use to anybody: an ask is over when it is answered.
      const named = options.deduplicate ? options : { caller: options.caller };
      const asking = { ...named, timeoutMs, raw: true };
      return valueResponse(
        context,
        await ref.ask(operation as Ask<unknown, unknown, unknown, unknown, string>, payload, asking),
      );
    }
    const submitting = operation as Submit<unknown, unknown, unknown, unknown, string>;
    const { id } = await ref.submit(submitting, payload, options);
    // From the raw URL: the prefix of a mount may have parameters of its own.
    const prefix = new URL(context.req.url).pathname.split("/").slice(0, -4).join("/");
    const location = `${prefix}/replies/${encodeURIComponent(id)}`;
    const seconds = preferredWaitSeconds(context);
    if (seconds === undefined) return this.#pending(context, id, { location });
    return await this.#collect(context, id, seconds, { location });
  }

  async reply(context: Context): Promise<Response> {
    return await this.#collect(context, context.req.param("id") as string, preferredWaitSeconds(context), {});
  }

  async publish(context: Context): Promise<Response> {
    const event = this.#event(context);
    if (!this.#exposure.mayPublish(event)) return refuseMethod(context, "GET, HEAD");
    const payload = await readPayload(context, this.#options.depthMax);
    const options = this.#sendOptions(context);
    await this.#system.publish(event as Event<unknown, unknown, string>, payload, options);
    return context.json({ id: options.id }, 202);
  }

  subscribe(context: Context, several: boolean): Response {
    const protocol = context.req.param("protocol") as string;
    const events = several ? this.#events(context, protocol) : [this.#event(context)];
    const refused = events.find((event) => !this.#exposure.maySubscribe(event));
    if (refused !== undefined) return refuseMethod(context, "POST");
    const pattern = subjectPattern(context);
    const { streamsMax, retryMs, keepAliveMs } = this.#options;
    const headers = {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    if (context.req.method === "HEAD") return context.body(null, 200, headers);
    if (this.#streams >= streamsMax || this.#system.health.status !== "running") {
      return context.body(comeBackStream(retryMs), 200, headers); // an error would make an EventSource give up
    }
    this.#streams++;
    const stream = eventStream(this.#feed(protocol), this.#system.clock, {
      events: new Set(events.map((event) => event.name)),
      pattern,
      named: several,
      lastEventId: context.req.header("last-event-id") ?? context.req.query("lastEventId"),
      retryMs,
      keepAliveMs,
    }, () => this.#streams--);
    return context.body(stream, 200, headers);
  }

  async survey(context: Context): Promise<Response> {
    const { protocol, operation: name } = context.req.param() as Record<string, string>;
    const operation = this.#exposure.operation(protocol, name, ["survey"]);
    const payload = await readPayload(context, this.#options.depthMax);
    const surveying = operation as Survey<unknown, unknown, unknown, unknown, string>;
    const replies = this.#system.survey(surveying, payload, {
      ...this.#sendOptions(context),
      timeoutMs: integerParameter(context, "timeoutMs", this.#options.timeoutMsMax),
      max: integerParameter(context, "max", this.#options.surveyRepliesMax),
      raw: true,
    });
    return context.body(surveyStream(replies, wantsSuperjson(context)), 200, {
      "content-type": "application/x-ndjson",
    });
  }

  /** What a kept reply answers: what an ask would have, or that it is pending. */
  async #collect(
    context: Context,
    id: string,
    waitSeconds: number | undefined,
    pending: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const timeoutMs = Math.min((waitSeconds ?? 0) * 1_000, this.#options.timeoutMsMax);
    const applied: Record<string, string> = waitSeconds === undefined
      ? {}
      : { "preference-applied": `wait=${waitSeconds}` };
    try {
      const reply = await this.#system.ticket(id, this.#caller(context)).reply({ timeoutMs });
      return valueResponse(context, reply, { ...applied, "vary": "accept, prefer" });
    } catch (error) {
      if (!(error instanceof ReplyPendingError)) throw error;
      return this.#pending(context, id, pending);
    }
  }

  #pending(context: Context, id: string, headers: Readonly<Record<string, string>>): Response {
    return context.json({ id }, 202, { ...headers, "retry-after": "1", "vary": "prefer" });
  }

  #sendOptions(context: Context): { id: string; caller: string; deduplicate: boolean } {
    const key = idempotencyKey(context);
    return { id: key ?? this.#system.newId(), caller: this.#caller(context), deduplicate: key !== undefined };
  }

  #event(context: Context): Operation {
    const { protocol, event } = context.req.param() as Record<string, string>;
    return this.#exposure.operation(protocol, event, ["event"]);
  }

  #events(context: Context, protocol: string): Operation[] {
    const names = context.req.query("event");
    if (names !== undefined) {
      return names.split(",").map((name) => this.#exposure.operation(protocol, name, ["event"]));
    }
    const events = this.#exposure.events(protocol);
    if (events.length > 0) return events;
    throw new RequestError(404, "unknown-protocol", `There is no protocol ${protocol} with events here`);
  }

  /** Made with the first reader: who never subscribed has nothing to replay. */
  #feed(protocol: string): EventFeed {
    const found = this.#feeds.get(protocol);
    if (found !== undefined) return found;
    const { replayEventsMax, replayBytesMax } = this.#options;
    const feed = new EventFeed(
      this.#system,
      this.#exposure.events(protocol),
      replayEventsMax,
      replayBytesMax,
    );
    this.#feeds.set(protocol, feed);
    return feed;
  }
}

function subjectPattern(context: Context): readonly string[] | undefined {
  const subject = context.req.query("subject");
  if (subject === undefined) return undefined;
  try {
    return parseSubjectPattern(subject);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RequestError(400, "invalid-subject", error.message);
  }
}
