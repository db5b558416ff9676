import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { DeadLetterError } from "../errors.ts";
import { callerOf } from "./caller.ts";
import { Exposure } from "./exposure.ts";
import { type IngressOptions, resolveBounds } from "./ingress_options.ts";
import { metricsText } from "./metrics.ts";
import type { IngressSystem } from "./port.ts";
import { problemResponse, refuseMethod, RequestError } from "./problem.ts";
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
  const routes = new Routes(system, exposure, options.caller ?? callerOf, resolveBounds(options));
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
  app.post("/actors/:protocol/:key/:operation", (context) => routes.send(context));
  app.get("/replies/:id", (context) => routes.reply(context));
  app.post("/events/:protocol/:operation", (context) => routes.publish(context));
  app.get(
    "/events/:protocol/:operation",
    (context) => routes.subscribe(context, [routes.event(context)], false),
  );
  app.get("/events/:protocol", (context) => routes.subscribe(context, routes.events(context), true));
  app.post("/surveys/:protocol/:operation", (context) => routes.survey(context));
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
    app.all("/metrics", (context) => refuseMethod(context, "GET, HEAD"));
  }
  refuseOtherMethods(app, routes);
  return app;
}

/**
 * The right path with the wrong method is 405, where there is something; what begins like a route and is none is 404,
 * also behind the mount of an app that has other routes.
 */
function refuseOtherMethods(app: Hono, routes: Routes): void {
  app.all(
    "/actors/:protocol/:key/:operation",
    (context) => refuseMethod(context, routes.methods(context, actorModes)),
  );
  app.all("/replies/:id", (context) => refuseMethod(context, "GET, HEAD"));
  app.all(
    "/events/:protocol/:operation",
    (context) => refuseMethod(context, routes.methods(context, ["event"])),
  );
  app.all("/events/:protocol", (context) => {
    routes.events(context);
    refuseMethod(context, "GET, HEAD");
  });
  app.all(
    "/surveys/:protocol/:operation",
    (context) => refuseMethod(context, routes.methods(context, ["survey"])),
  );
  app.all("/healthz", (context) => refuseMethod(context, "GET, HEAD"));
  for (const path of ["/actors/*", "/replies/*", "/events/*", "/surveys/*"]) {
    app.all(path, () => {
      throw unknownRoute();
    });
  }
}

function unknownRoute(): RequestError {
  return new RequestError(404, "unknown-route", "There is no such route");
}
