import {
  type HttpService,
  httpTransport,
  type HttpTransportOptions,
} from "@posthorn/posthorn/http-transport";
import type { Transport } from "@posthorn/posthorn/transport";
import { Hono } from "hono";

export const keys = [{ id: "test", secret: "0123456789abcdef0123456789abcdef" }];

type Handler = (request: Request) => Response | Promise<Response>;

/** Looks at a request on its way, and may answer it or let nothing through. */
export type Way = (request: Request, next: Handler) => Response | Promise<Response>;

/**
 * HTTP in memory: each service has one url, behind which a balancer gives each request to the next one of its running
 * processes. It can cut all requests, and let nothing through.
 */
export class Network {
  /** Each request, as text: its method and its url. */
  readonly requests: string[] = [];
  /** What happens to a request on its way. */
  way: Way = (request, next) => next(request);
  readonly #processes = new Map<string, Handler[]>();
  readonly #underWay = new Set<AbortController>();
  #turn = 0;
  #isAway = false;

  /** The transport of one process: it can be reached from when it reads something until it is closed. */
  transportOf(
    process: { readonly services: readonly string[] },
    options: Partial<HttpTransportOptions> = {},
  ): Transport {
    const services = Object.fromEntries(process.services.map((name) => [name, this.serviceOf(name)]));
    const transport = httpTransport({ services, keys, ...options });
    // A mount may have parameters, also with a name that one of the routes could have.
    const app = new Hono().route("/:protocol", transport.routes());
    return {
      ...transport,
      open: async (system) => {
        const handler: Handler = (request) => app.fetch(request);
        const connection = await transport.open(system);
        let isMounted = false; // a balancer sends nothing to a process that is not ready
        return {
          send: (batch) => connection.send(batch),
          sendNow: (parcel, failed) => connection.sendNow!(parcel, failed),
          receive: (channel, receiver) => {
            const receiving = connection.receive(channel, receiver);
            if (!isMounted) this.mount(system.service, handler);
            isMounted = true;
            return receiving;
          },
          drain: () => connection.drain(),
          watch: (onChange) => connection.watch(onChange),
          get state() {
            return connection.state;
          },
          close: () => {
            this.unmount(system.service, handler);
            return connection.close();
          },
        };
      },
    };
  }

  /** How a service is named in the options of others. */
  serviceOf(name: string): HttpService {
    return { url: `https://${name}.test/posthorn`, fetch: (request) => this.fetch(request) };
  }

  mount(service: string, handler: Handler): void {
    this.#processes.set(service, [...this.#processes.get(service) ?? [], handler]);
  }

  unmount(service: string, handler: Handler): void {
    this.#processes.set(service, (this.#processes.get(service) ?? []).filter((one) => one !== handler));
  }

  /** Ends all requests that are under way. */
  cut(): void {
    for (const controller of this.#underWay) controller.abort();
  }

  isolate(): void {
    this.#isAway = true;
    this.cut();
  }

  restore(): void {
    this.#isAway = false;
  }

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    this.requests.push(`${request.method} ${url.href}`);
    const processes = this.#processes.get(url.hostname.split(".")[0]) ?? [];
    const process = processes[this.#turn++ % processes.length];
    if (this.#isAway || process === undefined) {
      throw new TypeError("error sending request: connection refused");
    }
    const cut = new AbortController();
    this.#underWay.add(cut);
    const signal = AbortSignal.any([cut.signal, request.signal]);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => reject(new TypeError("error sending request: connection reset")));
    aborted.catch(() => {}); // what comes first counts
    const received = new Request(request, { signal });
    const response = await Promise.race([this.way(received, process), aborted]);
    return withCut(response, signal, () => this.#underWay.delete(cut));
  }
}

/** A response whose body ends with an error when its connection is cut. */
function withCut(response: Response, signal: AbortSignal, over: () => void): Response {
  if (response.body === null) {
    over();
    return response;
  }
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  response.body.pipeTo(writable, { signal }).catch(() => {}).finally(over);
  return new Response(readable, response);
}
