/** What answers requests. */
type Fetch = (request: Request) => Response | Promise<Response>;

/** The part of `Bun` that is used. */
declare const Bun: {
  serve(
    options: { fetch: Fetch; hostname: string; port: number; idleTimeout: number },
  ): { readonly port: number };
} | undefined;

/** The part of `@hono/node-server` that is used: only the project of the runtimes has it. */
interface NodeServer {
  serve(
    options: { fetch: Fetch; hostname: string; port: number },
    listening: (info: { readonly port: number }) => void,
  ): void;
}

const hostname = "127.0.0.1";

/** Listens as a program on this runtime does, and returns the port, which is a free one. */
export async function listen(fetch: Fetch): Promise<number> {
  if (typeof Deno !== "undefined") {
    return Deno.serve({ hostname, port: 0, onListen: () => {} }, (request) => fetch(request)).addr.port;
  }
  if (typeof Bun !== "undefined") return Bun.serve({ fetch, hostname, port: 0, idleTimeout: 60 }).port;
  const name = "@hono/node-server";
  const { serve }: NodeServer = await import(name);
  return await new Promise((resolve) => serve({ fetch, hostname, port: 0 }, ({ port }) => resolve(port)));
}
