import type { Random } from "@posthorn/posthorn";

/** The faults of the proxy: ratios from 0 to 1, and a time. */
export interface ProxyFaults {
  /** The ratio of writes that are applied and whose connection is cut before the response. */
  readonly lost: number;
  /** The ratio of responses that are cut in the middle. */
  readonly cut: number;
  /** The ratio of requests that never reach the server, because their connection is cut. */
  readonly refused: number;
  /** The maximum additional delay of each request and each response. */
  readonly delayMs: number;
}

export const noFaults: ProxyFaults = { lost: 0, cut: 0, refused: 0, delayMs: 0 };

/**
 * A faulty proxy for a KV Connect server. In front is a listener that forwards bytes, so that a connection
 * can be cut; behind it an HTTP server that parses requests and maps them to connections.
 */
export class FaultyProxy implements AsyncDisposable {
  readonly url: string;
  faults: ProxyFaults = noFaults;
  readonly counts = { requests: 0, writes: 0, lost: 0, cut: 0, refused: 0 };
  readonly #target: string;
  readonly #random: Random;
  readonly #front: Deno.TcpListener;
  readonly #behind: Deno.HttpServer<Deno.NetAddr>;
  /** Cuts a connection, by the port from which its bytes are forwarded. */
  readonly #cuts = new Map<number, () => void>();

  constructor(target: string, random: Random) {
    this.#target = target;
    this.#random = random;
    const local = { hostname: "127.0.0.1", port: 0 } as const;
    this.#behind = Deno.serve({ ...local, onListen() {} }, (request, { remoteAddr }) => {
      return this.#handle(request, () => this.#cuts.get(remoteAddr.port)?.());
    });
    this.#front = Deno.listen(local);
    this.url = `http://127.0.0.1:${this.#front.addr.port}`;
    void this.#accept();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#front) void this.#pass(connection);
  }

  async #pass(client: Deno.TcpConn): Promise<void> {
    const { hostname, port: behind } = this.#behind.addr;
    const server = await Deno.connect({ hostname, port: behind });
    const { port } = server.localAddr;
    const close = () => {
      if (!this.#cuts.delete(port)) return;
      for (const end of [client, server]) {
        try {
          end.close();
        } catch {
          // it has already ended
        }
      }
    };
    this.#cuts.set(port, close);
    const ends = [client.readable.pipeTo(server.writable), server.readable.pipeTo(client.writable)];
    await Promise.race(ends.map((end) => end.catch(() => {})));
    close();
    await Promise.allSettled(ends);
  }

  async #handle(request: Request, cut: () => void): Promise<Response> {
    this.counts.requests++;
    const { pathname } = new URL(request.url);
    const writes = pathname.endsWith("/atomic_write");
    if (writes) this.counts.writes++;
    try {
      const body = await request.arrayBuffer();
      await this.#delay();
      if (this.#strikes("refused")) return this.#gone(cut);
      const headers = new Headers(request.headers);
      for (const name of ["host", "connection", "content-length"]) headers.delete(name);
      const answer = await fetch(this.#target + pathname, { method: request.method, headers, body });
      const kept = new Headers(answer.headers);
      for (const name of ["connection", "transfer-encoding"]) kept.delete(name);
      const init = { status: answer.status, headers: kept };
      if (pathname.endsWith("/watch")) return new Response(answer.body, init);
      const bytes = await answer.bytes();
      if (writes && this.#strikes("lost")) return this.#gone(cut);
      await this.#delay();
      if (!this.#strikes("cut")) return new Response(bytes, init);
      const half = bytes.subarray(0, Math.floor(bytes.length * this.#random.next()));
      return new Response(cutShort(half, cut), init);
    } catch {
      return this.#gone(cut); // the server is away
    }
  }

  #gone(cut: () => void): Response {
    cut();
    return new Response(null, { status: 500 }); // the client does not get it
  }

  #strikes(fault: "lost" | "cut" | "refused"): boolean {
    if (this.#random.next() >= this.faults[fault]) return false;
    this.counts[fault]++;
    return true;
  }

  #delay(): Promise<void> {
    const { delayMs } = this.faults;
    if (delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => setTimeout(resolve, this.#random.next() * delayMs));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#front.close();
    for (const cut of this.#cuts.values()) cut();
    await this.#behind.shutdown();
  }
}

/** The start of a response, whose connection is then cut. */
function cutShort(bytes: Uint8Array<ArrayBuffer>, cut: () => void): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async start(controller) {
      controller.enqueue(bytes);
      await new Promise((resolve) => setTimeout(resolve, 5));
      cut();
      controller.close();
    },
  });
}
