import type { MsgHdrs, NatsConnection } from "@nats-io/nats-core";
import { withoutCredentials } from "../../../runtime/base/credentials.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import type { Server, Settings } from "./options.ts";

/** What the adapter uses of the client of NATS. */
export interface Client {
  /** Connects once. The connection does not come back by itself. */
  connect(server: Server, name: string, settings: Settings): Promise<NatsConnection>;
  headers(values: Readonly<Record<string, string>>): MsgHdrs;
}

const connectMs = 5_000;
/** How often the client pings the server. A connection on which two pings in a row get no answer is cut. */
const pingMs = 5_000;

/** Loads the client. */
export async function loadClient(): Promise<Client> {
  const core = await import("@nats-io/nats-core");
  const { MsgHdrsImpl, credsAuthenticator, wsconnect } = core;
  return {
    async connect(server, name, { tls, credentials }) {
      const connect = server.isWebSocket ? wsconnect : (await import("@nats-io/transport-node")).connect;
      return await connect({
        servers: server.address,
        name,
        reconnect: false, // what it had not written would be sent later, behind what is sent anew
        timeout: connectMs,
        pingInterval: pingMs,
        maxPingOut: 2,
        ignoreClusterUpdates: true,
        noAsyncTraces: true,
        ...(tls === undefined || server.isWebSocket ? {} : { tls: { ...tls } }),
        ...(credentials === undefined
          ? login(server)
          : { authenticator: credsAuthenticator(new TextEncoder().encode(credentials)) }),
      });
    },
    headers(values) {
      const all: Record<string, string[]> = {};
      for (const name in values) all[name] = [values[name]];
      return MsgHdrsImpl.fromRecord(all);
    },
  };
}

function login({ user, password }: Server): Record<string, string> {
  if (user === "") return {};
  return password === undefined ? { token: user } : { user, pass: password };
}

/** What went wrong with a server, as an error of this package without a secret. */
export function faultOf(error: unknown, { place, isWebSocket }: Server): PosthornError {
  if (error instanceof PosthornError) return error;
  const code = isRefusal(error) ? "transport-refused" : "transport-unavailable";
  const words = withoutCredentials(messageOf(error ?? "the connection was closed"));
  if (isWebSocket || !/before secure TLS|'tls' is not available/.test(words)) {
    return new PosthornError(code, `Cannot use NATS at ${place}: ${words}`);
  }
  const advice = "older versions of Deno cannot begin TLS on an open connection: use wss:// there";
  return new PosthornError("transport-refused", `Cannot use NATS at ${place} with TLS: ${words}; ${advice}`);
}

/** Whether the server does not let this program in. */
function isRefusal(error: unknown): boolean {
  const name = error instanceof Error ? error.name : "";
  return ["AuthorizationError", "UserAuthenticationExpiredError", "PermissionViolationError"].includes(name);
}
