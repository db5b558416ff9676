import { actor, ask, protocol, submit, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import { type Context, Hono } from "hono";
import * as z from "zod";

const Line = z.object({ sku: z.string(), count: z.number().int() });
const Price = z.object({ sku: z.string(), cents: z.number().int() });
const Shop = protocol("shop", { quote: ask(Line, Price), note: tell(Line), order: submit(Line, Price) });
/** Bounds that no request reaches, because the cost of accepted requests is measured. */
const plenty = 10_000_000;

/** The payloads. */
export const body = JSON.stringify({ sku: "tea", count: 2 });

/** Where the actors keep their state. */
export const places = ["memory", "sqlite"] as const;

/** One of them. */
export type Place = typeof places[number];

/** The request modes, with their operations. */
export const modes = { ask: "quote", tell: "note", submit: "order" } as const;

/** One of them. */
export type Mode = keyof typeof modes;

/** An app that answers requests. */
export interface App {
  fetch(request: Request): Response | Promise<Response>;
}

/** The path of a request mode. */
export function pathOf(mode: Mode): string {
  return `/actors/shop/ada/${modes[mode]}`;
}

/** Actors behind the ingress; stored ones keep their state in the folder. */
export function actorApp(place: Place, folder: string): App {
  const shop = actor(Shop, {
    state: () => ({ count: 0 }),
    on: {
      quote(ctx, line) {
        ctx.state = { count: ctx.state.count + line.count };
        return price(line);
      },
      note(ctx, line) {
        ctx.state = { count: ctx.state.count + line.count };
      },
      order(ctx, line) {
        ctx.state = { count: ctx.state.count + line.count };
        return price(line);
      },
    },
    mailbox: { capacity: plenty },
  });
  const store = place === "sqlite" ? { store: sqlite(`${folder}/posthorn.db`) } : {};
  return ingress(
    new System({
      actors: [shop],
      limits: { replies: plenty, replyBytes: plenty * 1_000, actors: plenty },
      ...store,
    }),
    {
      expose: [Shop],
    },
  );
}

/**
 * The bare route: the shortest one that validates request and response with the same schemas. It reads no
 * header.
 */
export function bareRoute(): App {
  const app = new Hono();
  app.post("/actors/shop/:key/quote", async (context) => {
    const line = Line.safeParse(await context.req.json());
    if (!line.success) return refuse(context, 400);
    const reply = Price.safeParse(price(line.data));
    return reply.success ? context.json(reply.data) : refuse(context, 500);
  });
  return app;
}

/**
 * The equivalent route: it does what the ingress does for an ask, except for the actor: it reads the same
 * headers and enforces the same bounds.
 */
export function sameRoute(): App {
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

/** Throws if an app does not answer an ask as the bare route does: then the comparison would be invalid. */
export async function requireSameAnswer(app: App): Promise<void> {
  const described = await Promise.all([app, bareRoute()].map(async (one) => {
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    const request = new Request(`http://localhost${pathOf("ask")}`, { method: "POST", headers, body });
    const response = await one.fetch(request);
    return JSON.stringify([response.status, response.headers.get("content-type"), await response.text()]);
  }));
  if (described[0] !== described[1]) throw new Error(`They differ: ${described.join(" and ")}`);
}

/** The computation of actors and routes. */
function price({ sku, count }: z.infer<typeof Line>): z.infer<typeof Price> {
  return { sku, cents: count * 450 };
}

function refuse(context: Context, status: 400 | 406 | 411 | 413 | 415 | 500): Response {
  return context.json({ status }, status);
}
