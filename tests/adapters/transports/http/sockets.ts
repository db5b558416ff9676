import { httpTransport, type HttpTransportOptions } from "@posthorn/posthorn/http-transport";
import { System, type SystemOptions } from "@posthorn/posthorn";
import { Hono } from "hono";
import { keys } from "./network.ts";

type Handler = (request: Request) => Response | Promise<Response>;

/** A url on the loopback, behind which requests go to some handlers in turn. */
export class Url implements AsyncDisposable {
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #handlers: Handler[] = [];
  readonly #closing = new AbortController();
  #turn = 0;

  constructor() {
    const { signal } = this.#closing;
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, signal, onListen() {} }, (request) => {
      const handler = this.#handlers[this.#turn++ % this.#handlers.length];
      return handler?.(request) ?? new Response("nobody is here", { status: 502 });
    });
  }

  get href(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/posthorn`;
  }

  add(handler: Handler): void {
    this.#handlers.push(handler);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(); // `shutdown` of Deno 2.5 may wait for ever for a response that its client has cancelled
    await this.#server.finished;
  }
}

/** Starts a system whose transport speaks to these urls, and which is one of those behind its own. */
export async function startAt(
  url: Url | undefined,
  options: Omit<SystemOptions, "transport">,
  transportOptions: Omit<HttpTransportOptions, "keys">,
): Promise<System> {
  const transport = httpTransport({ keys, ...transportOptions });
  const app = new Hono().route("/posthorn", transport.routes());
  url?.add((request) => app.fetch(request));
  const system = new System({ log: false, ...options, transport });
  await system.ready();
  return system;
}
