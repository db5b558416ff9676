import type { Clock } from "../../../runtime/base/clock.ts";
import { withoutCredentials } from "../../../runtime/base/credentials.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import type { Server, Settings } from "./options.ts";
import { RefusedError, type ServerInfo, Wire } from "./wire.ts";

/** Connects once. The connection does not come back by itself. */
export async function connect(server: Server, name: string, settings: Settings, clock: Clock): Promise<Wire> {
  const { tls } = settings;
  return await Wire.open({
    open: server.isWebSocket
      ? (await import("./web_socket_pipe.ts")).webSocketPipe(server.address)
      : (await import("./socket_pipe.ts")).socketPipe(server.host, server.port, tls),
    clock,
    name,
    mustBeSecure: tls !== undefined,
    login: (info) => login(server, settings, info),
  });
}

/** Who this program is, in the words of the protocol. */
async function login({ user, password }: Server, { credentials }: Settings, { nonce }: ServerInfo) {
  if (credentials !== undefined) {
    const { credsAuthenticator } = await import("@nats-io/nats-core");
    return { ...credsAuthenticator(new TextEncoder().encode(credentials))(nonce) };
  }
  if (user === "") return {};
  return password === undefined ? { auth_token: user } : { user, pass: password };
}

/** What went wrong with a server, as an error of this package without a secret. */
export function faultOf(error: unknown, { place, isWebSocket }: Server): PosthornError {
  if (error instanceof PosthornError) return error;
  const code = error instanceof RefusedError ? "transport-refused" : "transport-unavailable";
  const words = withoutCredentials(messageOf(error ?? "the connection was closed"));
  if (isWebSocket || !/before secure TLS|'tls' is not available/.test(words)) {
    return new PosthornError(code, `Cannot use NATS at ${place}: ${words}`);
  }
  const advice = "older versions of Deno cannot begin TLS on an open connection: use wss:// there";
  return new PosthornError("transport-refused", `Cannot use NATS at ${place} with TLS: ${words}; ${advice}`);
}
