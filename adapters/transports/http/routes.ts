import { type Context, Hono } from "hono";
import { RefusedRequest } from "./refused_request.ts";
import type { ServedConnection } from "./served_connection.ts";

/**
 * The routes of a service: `GET /` says what it reads, and a POST brings messages to `/inbox/{protocol}`,
 * `/event/{protocol}.{event}`, `/replies` or `/process/{instance}`. `path` is that of the url by which others name it.
 */
export function routesOf(served: ServedConnection, path: string | undefined): Hono {
  const app = new Hono();
  const serve = (rest: (context: Context) => string) => async (context: Context) => {
    const request = context.req.raw;
    const channel = rest(context);
    const serving = await served.serving(request.headers.get("posthorn-from"));
    const own = new URL(request.url).pathname;
    const named = path === undefined ? own : channel === "" ? path || "/" : `${path}/${channel}`;
    return await serving.answer(request, channel, named);
  };
  app.onError((error) => {
    if (error instanceof RefusedRequest) return error.respond();
    served.report(error);
    return new RefusedRequest(503, "unavailable", "It was not accepted: it may be sent again").respond();
  });
  app.get("/", serve(() => ""));
  // A mount may have parameters, and of two with the same name Hono gives the value of the first.
  app.post("/inbox/:posthornProtocol", serve(({ req }) => `inbox/${req.param("posthornProtocol")}`));
  app.post("/event/:posthornEvent", serve(({ req }) => `event/${req.param("posthornEvent")}`));
  app.post("/replies", serve(() => "replies"));
  app.post(
    "/process/:posthornInstance",
    serve(({ req }) => `process/${encodeURIComponent(req.param("posthornInstance")!)}`),
  );
  app.all(
    "*",
    ({ req }) => new RefusedRequest(404, "unknown-path", `No route is ${req.method} there`).respond(),
  );
  return app;
}
