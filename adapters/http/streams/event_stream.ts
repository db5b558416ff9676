import type { Clock } from "../../../runtime/base/clock.ts";
import { matchesSubject } from "../../../runtime/language/subject.ts";
import type { FeedEntry, FeedReader } from "./feed.ts";

/** What one reader of a feed wants. */
export interface EventStreamOptions {
  /** The names of the events. */
  readonly events: ReadonlySet<string>;
  /** The tokens of the subject; absent for every subject. */
  readonly pattern: readonly string[] | undefined;
  /** Whether frames carry the name of their event: an `EventSource` hears only unnamed ones without being told. */
  readonly named: boolean;
  /** The id of the last event that the reader has. */
  readonly lastEventId: string | undefined;
  /** How long a reader waits before it comes back. */
  readonly retryMs: number;
  /** How long the stream may be silent. */
  readonly keepAliveMs: number;
}

/**
 * A feed as server-sent events. Frames are made when the reader takes them, so what is not read is not kept; a reader
 * that has fallen out of what the feed keeps is cut off, and comes back with the id of its last event.
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
  // Who comes back before the next event of its own goes on from here: later its place may be no longer kept.
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
        const untilMs = spokeMs + options.keepAliveMs; // events for others do not break the silence
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

/** A stream that only says when to come back: for a reader that cannot be served now, and must not give up. */
export function comeBackStream(retryMs: number): string {
  return `retry: ${retryMs}\n\n`;
}

function wants({ events, pattern }: EventStreamOptions, entry: FeedEntry): boolean {
  return events.has(entry.event) && (pattern === undefined || matchesSubject(pattern, entry.tokens));
}

/** Its id is where the stream goes on from: a reader that comes back before the next event has no new gap. */
function gapFrame(id: string | undefined, lastEventId: string | undefined): string {
  return `event: gap\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify({ lastEventId })}\n\n`;
}

function frame({ id, event, data }: FeedEntry, named: boolean): Uint8Array {
  return data.frame(`${named ? `event: ${event}\n` : ""}id: ${id}\n`);
}
