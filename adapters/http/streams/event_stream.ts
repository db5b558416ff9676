import type { Clock } from "../../../runtime/base/clock.ts";
import { matchesSubject } from "../../../runtime/language/subject.ts";
import type { FeedEntry, FeedReader } from "./feed.ts";

/** Options of an {@linkcode eventStream}. */
export interface EventStreamOptions {
  /** The names of the wanted events. */
  readonly events: ReadonlySet<string>;
  /** The tokens of the subject pattern; absent for every subject. */
  readonly pattern: readonly string[] | undefined;
  /**
   * Whether frames contain the name of their event. An `EventSource` dispatches frames without a name as
   * `message`; for named ones the client must add a listener for each name.
   */
  readonly named: boolean;
  /** The id of the last event that the client received. */
  readonly lastEventId: string | undefined;
  /** How long the client waits before it reconnects, in milliseconds. */
  readonly retryMs: number;
  /** The interval after which an idle stream sends a keep-alive comment, in milliseconds. */
  readonly keepAliveMs: number;
}

/**
 * A feed as server-sent events. Frames are made when the client reads them, so unread ones take no memory. If
 * the client falls behind so far that its next event is no longer kept, the stream is closed, and the client
 * reconnects with the id of its last event.
 */
export function eventStream(
  reader: FeedReader,
  clock: Clock,
  options: EventStreamOptions,
  onEnd: () => void,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let told: string | undefined;
  let stopWaiting: (() => void) | undefined;
  let spokeMs = clock.monotonicMs();
  let ended = false;
  const end = () => {
    stopWaiting?.();
    if (!ended) onEnd();
    ended = true;
  };
  // The position is sent also without an event: a client that reconnects before its next event resumes from
  // here, because an older position may no longer be kept.
  const place = () => {
    if (!reader.keeps || reader.id === told) return "";
    told = reader.id;
    return `id: ${told}\n`;
  };
  return new ReadableStream({
    start(controller) {
      const gap = reader.gap ? gapFrame(reader.id, options.lastEventId) : "";
      controller.enqueue(encoder.encode(`retry: ${options.retryMs}\n${gap === "" ? place() : ""}\n${gap}`));
    },
    async pull(controller) {
      const send = (bytes: Uint8Array) => {
        spokeMs = clock.monotonicMs();
        controller.enqueue(bytes);
      };
      while (!ended) {
        if (reader.lost) break;
        const found = reader.read();
        const entry = found instanceof Promise ? await found : found;
        if (ended) return;
        if (entry !== undefined) {
          if (!wants(options, entry)) continue;
          told = entry.id;
          return send(frame(entry, options.named));
        }
        if (reader.lost || reader.ended) break;
        const untilMs = spokeMs + options.keepAliveMs; // filtered events do not count as sent
        const silent = await new Promise<boolean>((resolve) => {
          const cancelTimer = clock.setTimer(untilMs - clock.monotonicMs(), () => resolve(true));
          const cancelWait = reader.wait(() => resolve(false));
          stopWaiting = () => {
            cancelTimer();
            cancelWait();
            resolve(false);
          };
        });
        stopWaiting?.();
        if (silent && !ended) return send(encoder.encode(`: keep-alive\n${place()}\n`));
      }
      if (ended) return;
      end();
      controller.close();
    },
    cancel: end,
  }, { highWaterMark: 1 });
}

/**
 * A stream that only contains the reconnection delay: for a client that cannot be served now, and that would
 * not reconnect after an error.
 */
export function comeBackStream(retryMs: number): string {
  return `retry: ${retryMs}\n\n`;
}

function wants({ events, pattern }: EventStreamOptions, entry: FeedEntry): boolean {
  return events.has(entry.event) && (pattern === undefined || matchesSubject(pattern, entry.tokens));
}

/**
 * The frame that reports a gap. Its id is the position from which the stream continues: a client that
 * reconnects before the next event has no second gap.
 */
function gapFrame(id: string | undefined, lastEventId: string | undefined): string {
  return `event: gap\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify({ lastEventId })}\n\n`;
}

function frame({ id, event, data }: FeedEntry, named: boolean): Uint8Array {
  return data.frame(`${named ? `event: ${event}\n` : ""}id: ${id}\n`);
}
