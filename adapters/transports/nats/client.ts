import { withoutCredentials } from "../../../runtime/base/credentials.ts";
import { messageOf, PosthornError } from "../../../runtime/base/errors.ts";
import type { Server, Settings } from "./options.ts";
import { RefusedError, type ServerInfo, Wire, type WireOptions } from "./wire.ts";

/** Connects once. The connection does not come back by itself. */
export async function connect(
  server: Server,
  settings: Settings,
  options: Pick<WireOptions, "clock" | "name" | "report" | "signal">,
): Promise<Wire> {
  const { tls } = settings;
  const login = await loginOf(server, settings); // loaded before the server counts the time that it takes
  return await Wire.open({
    ...options,
    open: server.isWebSocket
      ? (await import("./web_socket_pipe.ts")).webSocketPipe(server.address)
      : (await import("./socket_pipe.ts")).socketPipe(server.host, server.port, tls),
    mustBeSecure: tls !== undefined,
    login,
  });
}

/** Who this program is, in the words of the protocol. */
async function loginOf({ user, password }: Server, { credentials }: Settings): Promise<WireOptions["login"]> {
  if (credentials !== undefined) {
    const { credsAuthenticator } = await import("@nats-io/nats-core");
    const answer = credsAuthenticator(new TextEncoder().encode(credentials));
    return ({ nonce }: ServerInfo) => ({ ...answer(nonce) });
  }
  if (user === "") return () => ({});
  return password === undefined ? () => ({ auth_token: user }) : () => ({ user, pass: password });
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
