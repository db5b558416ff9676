interface Requested {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
}

export interface FollowOptions {
  readonly headers: Record<string, string>;
  readonly signal: AbortSignal;
  /** Behind which event to go on; without it from now on. */
  readonly lastEventId?: string;
  readonly fetch?: (url: string, request: Requested) => Response | Promise<Response>;
  readonly wait?: (ms: number) => Promise<unknown>;
}

export interface Followed {
  /** `message`, the event's name where the stream has several, or `gap`: something was missed. */
  readonly event: string;
  readonly payload: unknown;
  readonly lastEventId: string;
}

/** Follows events by `fetch`, with headers of your own; comes back behind what it has had, as an `EventSource` does. */
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
      if (!response.ok) await response.body?.cancel(); // a proxy whose server is away
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof TypeError)) throw error; // of fetch that is a broken network: it comes back
    }
  }
}

/** The frames of a stream: each an object of its fields. */
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
    await reader.cancel().catch(() => {}); // it may be broken already
  }
}

function delay(ms: number): Promise<unknown> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
