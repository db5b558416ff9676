import { ingress, type System } from "@posthorn/posthorn";
import { type Context, Hono } from "hono";
import { deleteCookie, getSignedCookie, setSignedCookie } from "hono/cookie";
import { cors } from "hono/cors";
import { Notes } from "./notes.ts";

interface Access {
  /** Where the page comes from, as browsers say it: `https://notes.example`. */
  readonly origin: string;
  /** What signs the cookies; nobody else may know it. */
  readonly secret: string;
  /** Who a password or a token belongs to; nothing where to nobody. */
  userOf(proof: string): string | undefined;
}
type Signed = { Variables: { user: string } };

export function notesApp(system: System, access: Access): Hono<Signed> {
  const app = new Hono<Signed>();

  // Before all that may refuse: a refusal that the page may not read looks like a broken network.
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
  // Each speaks to his own notes, and hears of his own: whoever may subscribe may read all that is kept of an event.
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

/** By the cookie, or by a token for who has none. */
async function signedIn(context: Context, access: Access): Promise<string | undefined> {
  const token = /^Bearer (.+)$/.exec(context.req.header("authorization") ?? "")?.[1];
  if (token !== undefined) return access.userOf(token);
  return await getSignedCookie(context, access.secret, "session") || undefined;
}
