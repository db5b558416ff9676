import type { System } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { type Context, Hono } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { Notes } from "./notes.ts";

interface Access {
  /** The origin of the page, for example `https://notes.example`. */
  readonly origin: string;
  /** Signs the cookies. Keep it secret. */
  readonly secret: string;
  /** The user that a password or token belongs to, if there is one. */
  userOf(proof: string): string | undefined;
}
type Signed = { Variables: { user: string } };

export function notesApp(system: System, access: Access): Hono<Signed> {
  const app = new Hono<Signed>();

  // First, because a page cannot read a refusal without CORS headers.
  app.use(cors({
    origin: access.origin,
    credentials: true, // cookies
    allowMethods: ["GET", "POST"],
    allowHeaders: [
      "authorization",
      "content-type",
      "idempotency-key",
      "last-event-id",
      "posthorn-after",
      "prefer",
      "traceparent",
      "tracestate",
    ],
    exposeHeaders: ["location", "posthorn-after", "preference-applied", "retry-after"],
    maxAge: 600,
  }));

  app.post("/session", async (context) => {
    const user = access.userOf((await context.req.json()).password);
    if (user === undefined) return context.json({ code: "wrong-password" }, 401);
    await setSignedCookie(context, "session", user, access.secret, {
      httpOnly: true,
      secure: true,
      sameSite: "Strict",
      maxAge: 24 * 60 * 60,
    });
    return context.body(null, 204);
  });
  app.post("/session/end", (context) => {
    deleteCookie(context, "session");
    return context.body(null, 204);
  });

  app.use("/api/*", async (context, next) => {
    const user = await signedIn(context, access);
    if (user === undefined) return context.json({ code: "not-signed-in" }, 401);
    context.set("user", user);
    await next();
  });
  // Users may reach only their own notes and events. A client that may subscribe may also read the log of the event.
  app.use("/api/actors/notes/:key/*", async (context, next) => {
    if (context.req.param("key") !== context.get("user")) return context.json({ code: "not-yours" }, 403);
    await next();
  });
  app.use("/api/events/*", async (context, next) => {
    if (context.req.query("subject") !== context.get("user")) return context.json({ code: "not-yours" }, 403);
    await next();
  });
  app.route("/api", ingress(system, { expose: [Notes], caller: (context) => context.get("user") }));
  return app;
}

/** The user, by a bearer token or by the cookie. */
async function signedIn(context: Context, access: Access): Promise<string | undefined> {
  const token = /^Bearer (.+)$/.exec(context.req.header("authorization") ?? "")?.[1];
  if (token !== undefined) return access.userOf(token);
  return await getSignedCookie(context, access.secret, "session") || undefined;
}
