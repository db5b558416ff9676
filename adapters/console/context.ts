import type { Context } from "hono";
import type { SecureHeadersVariables } from "hono/secure-headers";

/** What the console keeps with a request. */
export interface ConsoleVariables extends SecureHeadersVariables {
  /** Whether whoever sent it may change something. */
  mayAct: boolean;
}

/** A request to a console. */
export type ConsoleContext = Context<{ Variables: ConsoleVariables }>;
