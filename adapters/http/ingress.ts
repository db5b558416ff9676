import { type Context, Hono } from "hono";
import type { Health } from "../../runtime/ports/health.ts";
import { notStored } from "./answers.ts";
import { Exposure } from "./exposure.ts";
import { Failures } from "./failures.ts";
import { metricsOf } from "./metrics_route.ts";
import { type IngressOptions, resolveBounds } from "./options.ts";
import { requireTextPath } from "./parameters.ts";
import type { IngressSystem } from "./port.ts";
import { problemResponse, refuseMethod, RequestError, retryAfterSeconds } from "./problem.ts";
import { actorModes, Routes } from "./routes.ts";

/**
 * Creates an HTTP interface derived from the protocols: a Hono app to serve or to mount, behind any
 * middleware. Only the operations in `expose` and `accept` can be reached.
 *
 * - `POST /actors/{protocol}/{key}/{operation}`: tell 202, ask 200 with the reply, submit 202 with `Location`
 * - `GET /replies/{id}`: the reply of a submit; 202 while it is pending
 * - `DELETE /replies/{id}`: takes the request back: 200 with `{"id","outcome"}`, 409 (`already-done`) if it was over
 * - `POST /events/{protocol}/{event}`: publish, 202
 * - `GET /events/{protocol}/{event}`, `GET /events/{protocol}?event=a,b`: server-sent events
 * - `POST /surveys/{protocol}/{operation}`: 200, a line of JSON for each reply as it arrives
 * - `GET /healthz`, and `GET /metrics` if enabled
 *
 * `Idempotency-Key` is the id of the message of a POST: a repeated request is answered as the first was.
 * Every failure is a problem document (RFC 9457) with a stable `code`.
 *
 * With a store, idempotency keys, replies and stream ids (positions in the logs of events) are valid on all
 * instances that share the store, and after a restart. Each 202 has a `Posthorn-After` header: a POST that
 * carries it is handled after that message.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, ask, protocol, System } from "@posthorn/posthorn";
 * import { ingress } from "@posthorn/posthorn/http";
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
 * assert(await response.json() === "ada greets Bob");
 * ```
 *
 * @param system the system that receives the messages
 * @param options what to expose, and bounds
 * @returns a Hono app
 * @throws {TypeError} if an option does not exist; if no actor of the system, nor of another service, handles an
 * exposed tell, ask or submit; if the payload of an inbound operation is `unchecked`; or if an exposed event has a
 * reserved name
 * @throws {RangeError} if an option is out of its bounds
 */
export function ingress(system: IngressSystem, options: IngressOptions): Hono {
  const bounds = resolveBounds(options);
  const exposure = new Exposure(options.expose, options.accept ?? []);
  exposure.requireHandled((operation) => system.whyUnhandled(operation));
  const failures = new Failures(options.onError, system.clock);
  const routes = new Routes(system, exposure, options.caller, bounds, failures);
  const app = new Hono();
  app.onError((error) => failures.answer(error));
  app.notFound(() => problemResponse(unknownRoute()));
  addRoutes(app, routes, failures);
  app.all("/healthz", (context) => {
    if (!reads(context)) return refuseMethod(context, "GET, HEAD");
    const { broken: _, ...health } = system.health; // keys of actors are not exposed
    const well = health.status === "running" && health.store?.status !== "unavailable";
    const headers = well ? notStored : { ...notStored, "retry-after": retryAfterSeconds };
    return context.json(options.healthReasons ? health : withoutReasons(health), well ? 200 : 503, headers);
  });
  if (options.metrics) {
    const answer = metricsOf(system);
    app.all("/metrics", (context) => reads(context) ? answer(context) : refuseMethod(context, "GET, HEAD"));
  }
  return app;
}

/** Health without its reasons, which name files, hosts and variables. */
function withoutReasons({ status, store, transport }: Health): Health {
  return {
    status,
    ...store !== undefined && { store: { name: store.name, status: store.status } },
    ...transport !== undefined && { transport: { name: transport.name, status: transport.status } },
  };
}

type RequestHandler = (context: Context) => Response | Promise<Response>;

/**
 * Adds one handler for each path, because Hono serves a request with a single matching handler on a fast
 * path. A request with a known path and another method gets a 405 if the operation exists.
 *
 * No mount has parameters with the names of these: Hono gives the value of the first one, so that below `/shops/:key` every
 * message would go to the actor with the key of the shop.
 */
function addRoutes(app: Hono, routes: Routes, failures: Failures): void {
  // Hono handles only instances of `Error`; other values that a schema, a `subject` or a `caller` throws are
  // handled here.
  const fail = (error: unknown) => failures.answer(error);
  const route = (path: string, handle: RequestHandler) =>
    app.all(path, (context) => {
      try {
        requireTextPath(context);
        const answer = handle(context);
        return answer instanceof Promise ? answer.catch(fail) : answer;
      } catch (error) {
        return fail(error);
      }
    });
  route("/actors/:posthornProtocol/:posthornKey/:posthornOperation", (context) => {
    if (posts(context)) return routes.send(context);
    return refuseMethod(context, routes.methods(context, actorModes));
  });
  route("/replies/:posthornReply", (context) => {
    if (context.req.method === "DELETE") return routes.cancel(context);
    return reads(context) ? routes.reply(context) : refuseMethod(context, "GET, HEAD, DELETE");
  });
  route("/events/:posthornProtocol/:posthornOperation", (context) => {
    if (posts(context)) return routes.publish(context);
    if (reads(context)) return routes.subscribe(context, [routes.event(context)], false);
    return refuseMethod(context, routes.methods(context, ["event"]));
  });
  route("/events/:posthornProtocol", (context) => {
    const events = routes.events(context);
    return reads(context) ? routes.subscribe(context, events, true) : refuseMethod(context, "GET, HEAD");
  });
  route("/surveys/:posthornProtocol/:posthornOperation", (context) => {
    if (posts(context)) return routes.survey(context);
    return refuseMethod(context, routes.methods(context, ["survey"]));
  });
  // An unknown route below these prefixes is a 404 with a problem document also behind a mount, where the
  // `notFound` of the outer app applies. A mount copies the entries of `routes`; added with `app.all`, they
  // would be a second handler for every request.
  for (const path of ["/actors/*", "/replies/*", "/events/*", "/surveys/*"]) {
    app.routes.push({ basePath: "/", path, method: "ALL", handler: () => problemResponse(unknownRoute()) });
  }
}

function posts(context: Context): boolean {
  return context.req.method === "POST";
}

function reads(context: Context): boolean {
  return context.req.method === "GET" || context.req.method === "HEAD";
}

function unknownRoute(): RequestError {
  return new RequestError(404, "unknown-route", "There is no such route");
}
