interface Requested {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

export interface FollowOptions {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** Resume after this event. Without it, the stream begins with new events. */
  readonly lastEventId?: string;
  readonly fetch?: (url: string, request: Requested) => Response | Promise<Response>;
  readonly wait?: (ms: number) => Promise<unknown>;
}

export interface Followed {
  /** `message`; the name of the event, if the stream has several; or `gap`, if events are missing. */
  readonly event: string;
  readonly payload: unknown;
  readonly lastEventId: string;
}

/** Follows events with `fetch` and your own headers. Reconnects and resumes as an `EventSource` does. */
export async function* follow(url: string, options: FollowOptions): AsyncGenerator<Followed, void> {
  const { headers, signal, fetch: send = fetch, wait = delay } = options;
  let { lastEventId = "" } = options;
  let retryMs = 2_000;
  for (; !signal.aborted; await wait(retryMs)) {
    const place = lastEventId &&
      `${url.includes("?") ? "&" : "?"}lastEventId=${encodeURIComponent(lastEventId)}`;
    try {
      const response = await send(url + place, { headers, signal });
      if (response.status >= 400 && response.status < 500) {
        throw new Error(`${url} answers ${response.status}: ${await response.text()}`);
      }
      for await (const { id, retry, event = "message", data } of response.ok ? frames(response) : []) {
        retryMs = Number(retry ?? retryMs);
        lastEventId = id ?? lastEventId;
        if (data !== undefined) yield { event, payload: JSON.parse(data), lastEventId };
      }
      if (!response.ok) await response.body?.cancel(); // for example 502 from a proxy
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // fetch throws a TypeError if the network fails: reconnect
    }
  }
}

/** The frames of a stream, each as an object of its fields. */
async function* frames(response: Response): AsyncGenerator<Record<string, string>, void> {
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  let text = "";
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const whole = (text + decoder.decode(part.value, { stream: true })).split("\n\n");
      text = whole.pop()!;
      for (const frame of whole) {
        yield Object.fromEntries(frame.split("\n").map((line) => line.split(/: ?(.*)/).slice(0, 2)));
      }
    }
  } finally {
    await reader.cancel().catch(() => {}); // the connection may already be broken
  }
}

function delay(ms: number): Promise<unknown> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
