/**
 * A console for a system: a Hono app that shows what goes on, why something is stuck, and lets an operator mend it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, protocol, System, tell } from "@posthorn/posthorn";
 * import { console as posthornConsole } from "@posthorn/posthorn/console";
 *
 * const Door = protocol("door", { open: tell() });
 * const door = actor(Door, { state: () => 0, on: { open: (ctx) => void ctx.state++ } });
 *
 * await using system = new System({ actors: [door] });
 * const app = posthornConsole(system, { authorize: () => true });
 * const { status } = await app.request("/overview");
 * assert(status === 200);
 * ```
 *
 * @module
 */

export { console } from "./console.ts";
export type { Access, ConsoleOptions } from "./options.ts";
export type { ConsoleSystem } from "./port.ts";
