import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { HTTPException } from "hono/http-exception";
import { routePath } from "hono/route";
import { NONCE, secureHeaders } from "hono/secure-headers";
import { codeOf } from "../../runtime/base/thrown.ts";
import { actions } from "./actions.ts";
import { admit } from "./admission.ts";
import { Answers } from "./answers.tsx";
import { assets, assetsVersion } from "./assets/assets.ts";
import type { ConsoleContext, ConsoleVariables } from "./context.ts";
import { FieldError, fieldValue } from "./links.ts";
import { faultFrame, LivePages } from "./live.ts";
import { Watch } from "./measures/watch.ts";
import { type ConsoleOptions, requireConsoleOptions } from "./options.ts";
import type { ConsoleSystem } from "./port.ts";
import { deadCount, deadCountId, renderView } from "./regions.tsx";
import { isEmbeddedElsewhere, isSameOrigin } from "./same_origin.ts";
import type { Screen, ScreenRequest } from "./screen.ts";
import { screens } from "./screens/screens.ts";

/** The largest form, in bytes: a key has at most 512, a filter three names. */
const formBytesMax = 16_384;

/**
 * Only its own script and style run, forms go to it alone, nothing is loaded from anywhere else, and nobody frames it. The
 * referrer stays within the site, since URLs hold keys of actors.
 */
const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    scriptSrc: [NONCE],
    styleSrc: [NONCE],
    connectSrc: ["'self'"],
    imgSrc: ["'self'"],
    formAction: ["'self'"],
    baseUri: ["'none'"],
    frameAncestors: ["'none'"],
  },
  xFrameOptions: "DENY",
  referrerPolicy: "same-origin", // with "no-referrer" a browser sends `Origin: null` with a form
  strictTransportSecurity: false, // that is for the whole site to say
});

/**
 * Creates a console for a system: a Hono app to serve or to mount (`app.route("/console", console(system))`). It shows what
 * goes on, why something is stuck, and what failed; with `actions` it mends it. It needs no build step and no other server,
 * and loads nothing from anywhere else.
 *
 * It shows the facts of all instances on the store, and the rates and times of this process. It listens to the system only
 * while a page is open, and for a minute after.
 *
 * Without `authorize` it answers only on localhost. It changes nothing unless `actions` is `true`, and then only for
 * requests that its own pages send. Mount it before any middleware that sets a `Content-Security-Policy`.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell } from "@posthorn/posthorn";
 * import { console as posthornConsole } from "@posthorn/posthorn/console";
 * import { Hono } from "hono";
 *
 * const Door = protocol("door", { open: tell() });
 * const door = actor(Door, { state: () => 0, on: { open: (ctx) => void ctx.state++ } });
 *
 * await using system = new System({ actors: [door] });
 * const app = new Hono();
 * app.route("/console", posthornConsole(system, { authorize: (context) => context.req.header("x-user") === "ada" }));
 * assert((await app.request("/console/overview")).status === 403);
 * assert((await app.request("/console/overview", { headers: { "x-user": "ada" } })).status === 200);
 * ```
 *
 * @param system the system that it shows
 * @param options who may use it, and for what
 * @returns a Hono app
 * @throws {TypeError} if an option does not exist, or has the wrong type
 */
export function console(system: ConsoleSystem, options: ConsoleOptions = {}): Hono {
  requireConsoleOptions(options);
  const watch = new Watch(system);
  const pages = new LivePages(system.clock, system.closed);
  const answers = new Answers(system, assetsVersion());
  const app: ConsoleApp = new Hono();
  app.onError((error, context) => {
    if (context.get("mayAct") !== undefined) {
      return answers.failed(context, error, isOfAsker(error) ? 400 : 500);
    }
    // It is of `authorize`: whoever sent the request may be anybody, and is told nothing of it.
    if (error instanceof HTTPException) return notStored(error.getResponse());
    throw error;
  });
  app.use("*", headers);
  app.use("*", async (context, next) => {
    const admission = await admit(context, options);
    if ("refused" in admission) return notStored(admission.refused);
    if (isEmbeddedElsewhere(context)) return answers.refused(context, "Another site asks for this page.");
    context.set("mayAct", admission.mayAct);
    await next();
  });
  for (const [name, { text, type }] of Object.entries(assets)) {
    const kept = { "content-type": type, "cache-control": "private, max-age=31536000, immutable" };
    app.get(`/${name}`, (context) => context.body(text, 200, kept));
  }
  for (const screen of screens) addScreen(app, screen, { system, watch, pages, answers });
  addActions(app, { system, watch, pages, answers });
  app.all("*", (context) => toFirstPage(context) ?? answers.notFound(context));
  return app as unknown as Hono;
}

type ConsoleApp = Hono<{ Variables: ConsoleVariables }>;

interface Parts {
  readonly system: ConsoleSystem;
  readonly watch: Watch;
  readonly pages: LivePages;
  readonly answers: Answers;
}

/** The page of a screen; the same URL as `text/event-stream` is what changes on it. */
function addScreen(app: ConsoleApp, screen: Screen, { system, watch, pages, answers }: Parts): void {
  const requestOf = (context: ConsoleContext): ScreenRequest => ({
    system,
    watch,
    query: new URL(context.req.url).searchParams,
    nowMs: system.clock.now(),
    mayAct: context.get("mayAct"),
  });
  const follow = (context: ConsoleContext) => {
    const events = {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    if (context.req.method === "HEAD") return context.body(null, 200, events); // its stream would be open, and nobody reads it
    const { refusal } = pages;
    // its browser asks again later
    if (refusal !== undefined) return context.body(`retry: 10000\n\n${faultFrame(refusal)}`, 200, events);
    const stream = pages.open(async () => {
      watch.look();
      const view = await renderView(screen, requestOf(context));
      return view && [...view.regions, { id: deadCountId, live: "follow", html: await deadCount(system) }];
    });
    return context.body(stream, 200, events);
  };
  app.get(`/${screen.page}`, async (context) => {
    watch.look();
    if (context.req.header("accept") === "text/event-stream") return follow(context);
    const view = await renderView(screen, requestOf(context));
    if (view === undefined) return answers.notFound(context);
    return answers.screen(context, view, screen.under ?? screen.page);
  });
}

function addActions(app: ConsoleApp, { system, watch, answers }: Parts): void {
  const limit = bodyLimit({
    maxSize: formBytesMax,
    onError: (context) => context.text("The form is too large\n", 413, { "cache-control": "no-store" }),
  });
  for (const [name, act] of Object.entries(actions)) {
    app.post(`/${name}`, limit, async (context) => {
      if (!context.get("mayAct")) return answers.refused(context, "This console shows, and changes nothing.");
      if (!isSameOrigin(context)) {
        return answers.refused(context, "This request does not come from a page of this console.");
      }
      watch.look(); // to see what becomes of it
      const form = new URLSearchParams(await context.req.text());
      try {
        const fields = (name: string) => fieldValue(form, name);
        return context.redirect(await act(system.control, fields, system.clock.now()), 303);
      } catch (error) {
        return answers.failed(context, error, error instanceof FieldError ? 400 : 409);
      }
    });
  }
}

/** Whether a request asks for what cannot be, such as a page that no list has. */
function isOfAsker(error: unknown): boolean {
  return ["invalid-question", "invalid-key"].includes(codeOf(error, "failed"));
}

/** Leads from the path of the console itself, with or without a slash at its end, to its first page. */
function toFirstPage(context: ConsoleContext): Response | undefined {
  const { path, method } = context.req;
  const mount = routePath(context).replace(/\/\*$/, "");
  const rest = path.split("/").slice(mount.split("/").length);
  if (method !== "GET" && method !== "HEAD") return undefined;
  if (rest.some((segment) => segment !== "")) return undefined;
  const { pathname } = new URL(context.req.url); // in it nothing is decoded, as a header needs it
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  return notStored(context.redirect(last === "" ? "./overview" : `./${last}/overview`));
}

function notStored(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("cache-control", "no-store");
  return new Response(response.body, { status: response.status, headers });
}
