/**
 * HTTP: a Hono app that forwards requests to the actors of a system, and returns errors as problem documents.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell } from "@posthorn/posthorn";
 * import { ingress } from "@posthorn/posthorn/http";
 *
 * const Door = protocol("door", { open: tell() });
 * const door = actor(Door, { state: () => 0, on: { open: (ctx) => void ctx.state++ } });
 *
 * await using system = new System({ actors: [door] });
 * const app = ingress(system, { expose: [Door] });
 * const { status } = await app.request("/actors/door/front/open", { method: "POST" });
 * assert(status === 202);
 * ```
 *
 * @module
 */

export { ingress } from "./ingress.ts";
export type { IngressOptions } from "./options.ts";
export type { Exposed } from "./exposure.ts";
export type { IngressSystem } from "./port.ts";
export { problemResponse } from "./problem.ts";
