export interface Hearing {
  /** Hears an event, and the place behind which to go on. */
  hear(payload: unknown, lastEventId: string): void;
  /** Something was missed: read the whole anew. */
  startOver(): void;
  /** The server refuses: it will not be tried again. */
  refused(): void;
}

/** Follows events by an `EventSource`, which sends cookies and no header of yours. */
export function listen(url: string, hearing: Hearing): EventSource {
  const source = new EventSource(url, { withCredentials: true });
  source.onmessage = ({ data, lastEventId }) => hearing.hear(JSON.parse(data), lastEventId);
  source.addEventListener("gap", () => hearing.startOver());
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) hearing.refused(); // else it comes back by itself
  };
  return source;
}
