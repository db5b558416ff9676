export interface Listener {
  /** Called with each event, and the position to resume from. */
  onEvent(payload: unknown, lastEventId: string): void;
  /** Called if events are missing: load the current state. */
  onGap(): void;
  /** Called if the server refuses. An `EventSource` does not retry this. */
  onRefused(): void;
}

/** Follows events with an `EventSource`, which sends cookies but none of your headers. */
export function listen(url: string, listener: Listener): EventSource {
  const source = new EventSource(url, { withCredentials: true });
  source.onmessage = ({ data, lastEventId }) => listener.onEvent(JSON.parse(data), lastEventId);
  source.addEventListener("gap", () => listener.onGap());
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) listener.onRefused(); // otherwise it reconnects by itself
  };
  return source;
}
