import { freePorts } from "../ports.ts";

/** The workers, each with the port where it listens. */
export const httpWorkers: readonly string[] = ["left-1", "left-2", "right-1", "right-2"];

/**
 * What stands in the place of a broker if services speak HTTP: a balancer with one url for each service, behind which
 * requests go to its processes in turn. It can be killed too: then it answers nobody.
 */
export class HttpFront implements AsyncDisposable {
  readonly #ports = new Map<string, number>();
  readonly #port: number;
  #server: Deno.HttpServer | undefined;
  #abort = new AbortController();
  #turn = 0;

  constructor() {
    const [port, ...ports] = freePorts(httpWorkers.length + 1);
    this.#port = port;
    for (const [index, worker] of httpWorkers.entries()) this.#ports.set(worker, ports[index]);
  }

  /** Where the services are: `left` and `right` are behind it. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Where a worker listens. */
  portOf(worker: string): number | undefined {
    return this.#ports.get(worker);
  }

  start(): Promise<void> {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: this.#port, signal, onListen() {} },
      (request) => this.#forward(request, signal),
    );
    return Promise.resolve();
  }

  /** Ends all that is under way, without a word. */
  async kill(): Promise<void> {
    this.#abort.abort();
    await this.#server?.finished;
    this.#server = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #forward(request: Request, signal: AbortSignal): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const service = pathname.split("/")[1];
    const workers = httpWorkers.filter((worker) => worker.startsWith(`${service}-`));
    const body = await request.arrayBuffer().catch(() => undefined);
    if (body === undefined) return new Response(null, { status: 400 });
    for (let tried = 0; tried < workers.length; tried++) {
      const port = this.#ports.get(workers[this.#turn++ % workers.length]);
      try {
        return await fetch(`http://127.0.0.1:${port}${pathname}${search}`, {
          method: request.method,
          headers: request.headers,
          ...request.method === "POST" && { body },
          redirect: "manual",
          signal,
        });
      } catch (error) {
        if (!/refused/i.test(String(error))) break; // it may have come to a process
      }
    }
    return new Response("no process answers", { status: 502 });
  }
}
