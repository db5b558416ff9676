import type { Origin } from "./replay.ts";

/** The maximum delay before a reconnection, in milliseconds: a restarted desk is available again soon. */
const retryMsMax = 200;

/** The HTTP client of the demo: the routes of the ingress, with `fetch` alone. */
export class Client {
  readonly #origin: Origin;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  /** Posts to a route of the ingress. */
  async post(path: string, options: { payload?: unknown; token?: string } = {}): Promise<Response> {
    const { payload, token } = options;
    return await fetch(`${await this.#origin()}/api${path}`, {
      method: "POST",
      headers: { ...(payload === undefined ? {} : { "content-type": "application/json" }), ...bearer(token) },
      body: payload === undefined ? undefined : JSON.stringify(payload),
    });
  }

  /** Asks one actor. The type of the reply is that of its protocol. */
  async ask<Reply>(path: string, token?: string): Promise<Reply> {
    return await bodyOf(path, await this.post(path, { token }));
  }

  /** Collects the reply of a submit at its location, and waits for it. */
  async collect(location: string, token: string): Promise<Response> {
    return await fetch(`${await this.#origin()}${location}`, {
      headers: { prefer: "wait=5", ...bearer(token) },
    });
  }

  /** Reads a path of the desk. */
  async get<Body>(path: string): Promise<Body> {
    return await bodyOf(path, await fetch(`${await this.#origin()}${path}`));
  }

  /** Yields the lines of the response to a survey as they arrive. */
  async *survey<Line>(path: string, payload: unknown): AsyncGenerator<Line> {
    const response = await this.post(path, { payload });
    for await (const line of lines(response)) yield JSON.parse(line);
  }

  /**
   * Yields server-sent events as they arrive. Reconnects and resumes if the stream breaks, until `signal`
   * aborts.
   */
  async *events<Data>(path: string, signal: AbortSignal, onOpen: () => void): AsyncGenerator<Data> {
    let id: string | undefined;
    let lastEventId: string | undefined; // of the last event that was received completely
    let retryMs = 100;
    while (!signal.aborted) {
      const headers: HeadersInit = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
      try {
        const response = await fetch(`${await this.#origin()}/api${path}`, { headers, signal });
        onOpen();
        for await (const line of lines(response)) {
          if (line === "event: gap") throw new Error("The event stream has lost events");
          if (line.startsWith("retry: ")) {
            retryMs = Math.min(Number(line.slice("retry: ".length)), retryMsMax);
          }
          if (line.startsWith("id: ")) id = line.slice("id: ".length);
          if (line.startsWith("data: ")) {
            lastEventId = id;
            yield JSON.parse(line.slice("data: ".length));
          }
        }
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // `fetch` throws a TypeError if the server is gone
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
}

async function bodyOf<Body>(path: string, response: Response): Promise<Body> {
  if (response.ok) return await response.json();
  throw new Error(`Cannot ask ${path}: ${response.status} ${await response.text()}`);
}

function bearer(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

async function* lines(response: Response): AsyncGenerator<string> {
  let rest = "";
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts.filter((line) => line !== "");
  }
}
