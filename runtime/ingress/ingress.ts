import { type Context, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { DeadLetterError } from "../errors.ts";
import { Exposure } from "./exposure.ts";
import { type IngressOptions, resolveBounds } from "./ingress_options.ts";
import type { IngressSystem } from "./port.ts";
import { problemResponse, refuseMethod, RequestError, retryAfterSeconds } from "./problem.ts";
import { actorModes, Routes } from "./routes.ts";

export type { IngressOptions } from "./ingress_options.ts";

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
 * Over a system with a store all of it means the same to every instance on the store, and after a restart: keys, replies,
 * and the ids of streams, which are places in the events' logs. Each 202 has a `Posthorn-After`: a POST that carries it
 * is handled behind that message.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
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
 * assert(await response.json() === "ada greets Bob");
 * ```
 *
 * @param system the system that it leads to
 * @param options what it lets in
 * @returns a Hono app
 * @throws {TypeError} when what could come in would not be checked: its payload is `unchecked`
 * @throws {RangeError} when an option is out of its bounds
 */
export function ingress(system: IngressSystem, options: IngressOptions): Hono {
  const exposure = new Exposure(options.expose, options.accept ?? []);
  const routes = new Routes(system, exposure, options.caller, resolveBounds(options));
  const app = new Hono();
  // An error that nobody expected must be seen, and without onError there is nobody else to tell.
  const { onError = (error) => console.error(error) } = options;
  app.onError((error) => {
    if (error instanceof HTTPException) return error.getResponse();
    const response = problemResponse(error);
    // The caller is not told what went wrong inside: somebody must be.
    if (response.status === 500) onError(error instanceof DeadLetterError ? error.cause ?? error : error);
    return response;
  });
  app.notFound(() => problemResponse(unknownRoute()));
  addRoutes(app, routes);
  app.all("/healthz", (context) => {
    if (!reads(context)) return refuseMethod(context, "GET, HEAD");
    const { broken: _, ...health } = system.health; // keys of actors are nobody's business outside
    const well = health.status === "running" && health.store?.status !== "unavailable";
    return context.json(health, well ? 200 : 503, well ? {} : { "retry-after": retryAfterSeconds });
  });
  if (options.metrics) {
    app.all("/metrics", async (context) => {
      if (!reads(context)) return refuseMethod(context, "GET, HEAD");
      const { metricsText } = await import("./metrics.ts");
      const type = "text/plain; version=0.0.4; charset=utf-8";
      return context.body(metricsText(system.stats(), system.health.store), 200, { "content-type": type });
    });
  }
  return app;
}

/**
 * One handler for each path: a request that no second one matches goes through Hono the short way. The right path with
 * the wrong method is 405, where there is something.
 */
function addRoutes(app: Hono, routes: Routes): void {
  app.all("/actors/:protocol/:key/:operation", (context) => {
    if (posts(context)) return routes.send(context);
    return refuseMethod(context, routes.methods(context, actorModes));
  });
  app.all("/replies/:id", (context) => {
    return reads(context) ? routes.reply(context) : refuseMethod(context, "GET, HEAD");
  });
  app.all("/events/:protocol/:operation", (context) => {
    if (posts(context)) return routes.publish(context);
    if (reads(context)) return routes.subscribe(context, [routes.event(context)], false);
    return refuseMethod(context, routes.methods(context, ["event"]));
  });
  app.all("/events/:protocol", (context) => {
    const events = routes.events(context);
    return reads(context) ? routes.subscribe(context, events, true) : refuseMethod(context, "GET, HEAD");
  });
  app.all("/surveys/:protocol/:operation", (context) => {
    if (posts(context)) return routes.survey(context);
    return refuseMethod(context, routes.methods(context, ["survey"]));
  });
  // What begins like a route and is none is 404 behind a mount, too, where `notFound` is the other app's. A mount takes
  // over what `routes` lists; added as a route, it would be a second handler for every request.
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
