import { actor, ask, ingress, protocol, System } from "@posthorn/posthorn";
import { type Context, Hono } from "hono";
import * as z from "zod";

const Line = z.object({ sku: z.string(), count: z.number().int() });
const Price = z.object({ sku: z.string(), cents: z.number().int() });

/** Where it is posted. */
export const path = "/actors/shop/ada/quote";
/** What is posted. */
export const body = JSON.stringify({ sku: "tea", count: 2 });
/** What must come back. */
export const answer = JSON.stringify({ sku: "tea", cents: 900 });

/** The answers to one request, in three forms. */
export const forms = ["ingress", "route", "shortRoute"] as const;

/** One of the forms. */
export type Form = typeof forms[number];

/** Whatever answers a request. */
export interface App {
  fetch(request: Request): Response | Promise<Response>;
}

/** The app of a form. */
export function appOf(form: Form): App {
  if (form === "ingress") return actorApp();
  return form === "route" ? sameRoute() : shortRoute();
}

/** Throws where the same route does not answer as the ingress does: then the two are not the same. */
export async function requireSameAnswer(): Promise<void> {
  const described = await Promise.all((["ingress", "route"] as const).map(async (form) => {
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    const request = new Request(`http://localhost${path}`, { method: "POST", headers, body });
    const response = await appOf(form).fetch(request);
    return JSON.stringify([response.status, [...response.headers], await response.text()]);
  }));
  if (described[0] !== described[1]) throw new Error(`They differ: ${described.join(" and ")}`);
}

/** What the actor and both routes work out. */
function price({ sku, count }: z.infer<typeof Line>): z.infer<typeof Price> {
  return { sku, cents: count * 450 };
}

function actorApp(): App {
  const Shop = protocol("shop", { quote: ask(Line, Price) });
  const shop = actor(Shop, { state: () => null, on: { quote: (_, line) => price(line) } });
  return ingress(new System({ actors: [shop] }), { expose: [Shop.quote] });
}

/**
 * The route that does what the ingress does, but for the actor: the same parameters, headers and bounds are looked at, the same
 * schemas check what comes and what goes, and the answer has the same headers.
 */
function sameRoute(): App {
  const app = new Hono();
  app.post("/actors/:protocol/:key/:operation", async (context) => {
    const { protocol, key, operation } = context.req.param();
    if (protocol !== "shop" || operation !== "quote" || key.length > 512) return context.notFound();
    const { req } = context;
    if (req.header("content-type")?.split(";")[0].trim() !== "application/json") return refuse(context, 415);
    if (Number(req.header("content-length")) > 1_000_000) return refuse(context, 413);
    if (req.header("transfer-encoding") !== undefined) return refuse(context, 411);
    if (req.header("accept")?.includes("application/superjson+json")) return refuse(context, 406);
    if (req.header("idempotency-key") !== undefined) return refuse(context, 400);
    if (req.query("timeoutMs") !== undefined) return refuse(context, 400);
    const line = Line.safeParse(await req.json());
    if (!line.success) return refuse(context, 400);
    const reply = Price.safeParse(price(line.data));
    if (!reply.success) return refuse(context, 500);
    return context.body(JSON.stringify(reply.data), 200, { "content-type": "application/json" });
  });
  return app;
}

/** The shortest route that answers the same: it looks at no header. */
function shortRoute(): App {
  const app = new Hono();
  app.post("/actors/shop/:key/quote", async (context) => {
    const line = Line.safeParse(await context.req.json());
    if (!line.success) return refuse(context, 400);
    const reply = Price.safeParse(price(line.data));
    return reply.success ? context.json(reply.data) : refuse(context, 500);
  });
  return app;
}

function refuse(context: Context, status: 400 | 406 | 411 | 413 | 415 | 500): Response {
  return context.json({ status }, status);
}
