import type { Hono } from "hono";
import type { Transport } from "../../../runtime/ports/transport.ts";
import { transportEngine } from "../../../runtime/remote/engine.ts";
import { type HttpTransportOptions, settingsOf } from "./options.ts";
import { routesOf } from "./routes.ts";
import { ServedConnection } from "./served_connection.ts";

/** A transport over HTTP: what it sends it fetches, and what it receives comes to its routes. */
export interface HttpTransport extends Transport {
  /**
   * The routes to which other services send: a Hono app, to be mounted where the url of this service leads. A request waits
   * for up to 10 s for the system to start.
   */
  routes(): Hono;
}

/**
 * Connects a system with other services over HTTP, without a broker: from one Durable Object to another, from one edge app
 * to another, or between two processes. A message waits in the outbox of its sender until the other service has accepted it
 * into its store, and has said so with its response. Requests are signed (RFC 9421, HMAC with SHA-256).
 *
 * It needs `fetch`, Web Crypto and Hono, and no platform. Its system takes it alone: each system has a transport of its own.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { protocol, System, tell } from "@posthorn/posthorn";
 * import { httpTransport } from "@posthorn/posthorn/http-transport";
 * import { Hono } from "hono";
 * import * as z from "zod";
 *
 * const Ledger = protocol("ledger", { book: tell(z.number()) });
 * const transport = httpTransport({
 *   services: { billing: "https://billing.example.com/posthorn" },
 *   keys: [{ id: "2026-11", secret: "a text of 32 bytes that is known to both services" }],
 *   greets: false,
 * });
 * await using orders = new System({ name: "orders", actors: [], transport, remote: [Ledger] });
 * const app = new Hono().route("/posthorn", transport.routes()); // Deno.serve(app.fetch)
 * const { status } = await app.request("/posthorn/inbox/ledger", { method: "POST" });
 * assert(status === 401); // it is not signed
 * ```
 *
 * @param options the other services, keys, and what is exposed
 * @returns a description of the connection, for one system, and its routes
 * @throws {TypeError} if an option does not exist
 * @throws {RangeError} if an option cannot be used
 */
export function httpTransport(options: HttpTransportOptions): HttpTransport {
  const settings = settingsOf(options);
  const served = new ServedConnection(settings);
  return {
    engine: transportEngine,
    traits: {
      name: "http",
      reads: "queue",
      holds: "sender",
      order: "shard",
      namesStrangers: false,
      messageBytes: settings.messageBytes,
      parcelsAtOnce: 500,
      failoverMs: 0,
    },
    expose: options.expose ?? [],
    recipients: [...settings.peers.values()].filter(({ url }) => url !== undefined).map(({ name }) => name),
    open: (services) => served.open(services),
    routes: () => routesOf(served, settings.path),
  };
}
