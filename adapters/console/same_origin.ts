import type { Context } from "hono";

/**
 * Whether a page of the console itself sent a request, as browsers say: in `Sec-Fetch-Site`, or in `Origin` where there
 * is none of that (over plain HTTP from another machine, and in older browsers). A request that says neither is taken for
 * foreign.
 */
export function isSameOrigin(context: Context): boolean {
  const site = context.req.header("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = URL.parse(context.req.header("origin") ?? "");
  // The scheme is left out: behind a proxy that ends TLS the two differ.
  const host = context.req.header("host") ?? new URL(context.req.url).host;
  return origin !== null && origin.host !== "" && origin.host === host;
}

/** Whether another site embeds an answer instead of leading somebody to it: as an image, a script, a frame, by `fetch`. */
export function isEmbeddedElsewhere(context: Context): boolean {
  const site = context.req.header("sec-fetch-site");
  if (site === undefined || site === "same-origin" || site === "none") return false;
  return context.req.header("sec-fetch-mode") !== "navigate" ||
    context.req.header("sec-fetch-dest") !== "document";
}
