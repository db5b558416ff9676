import type { Context } from "hono";

/**
 * The address from which a request comes, as the server tells it to Hono: Deno in `remoteAddr`, Node in the socket of
 * `incoming`, Bun by `requestIP`. `undefined` if none does.
 */
export function remoteAddressOf(context: Context): string | undefined {
  const env: unknown = context.env;
  const remote = read(env, "remoteAddr");
  if (remote !== undefined) return text(read(remote, "hostname"));
  const incoming = read(env, "incoming");
  if (incoming !== undefined) return text(read(read(incoming, "socket"), "remoteAddress"));
  for (const server of [env, read(env, "server")]) {
    const requestIp = read(server, "requestIP");
    if (typeof requestIp === "function") {
      return text(read(requestIp.call(server, context.req.raw), "address"));
    }
  }
  return undefined;
}

function read(from: unknown, name: string): unknown {
  return typeof from === "object" && from !== null ? (from as Record<string, unknown>)[name] : undefined;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
