import type { Cancel, Clock } from "../../runtime/base/clock.ts";
import type { RenderedRegion } from "./regions.tsx";

/** The open pages of a console, at most. */
export const streamsMax = 32;
/** How often an open page is rendered again, in milliseconds, at most. */
const paceMs = 1_000;
/** The longest time between two renderings, in milliseconds. It is below the patience of proxies. */
const paceMsMax = 20_000;
/** How long a page is followed at a time, in milliseconds. Then its browser asks again, and has to be let in again. */
const lifeMs = 300_000;
/** How many times as long as the last rendering took all open pages wait before the next, in sum: so they take 2 % of a core. */
const restFactor = 50;

/** The open pages, which share a part of the time. */
export class LivePages {
  readonly #clock: Clock;
  readonly #closers = new Set<() => void>();
  #isClosed = false;

  constructor(clock: Clock, closed: Promise<unknown>) {
    this.#clock = clock;
    const end = () => {
      this.#isClosed = true;
      for (const close of this.#closers) close();
    };
    closed.then(end, end);
  }

  /** Whether one more would be too many. */
  get isFull(): boolean {
    return this.#isClosed || this.#closers.size >= streamsMax;
  }

  /** How many are open. */
  get size(): number {
    return this.#closers.size;
  }

  /**
   * A page that is rendered again and again, as server-sent events: each is a JSON object with the markup of the regions that
   * have changed, by their ids. It ends after some minutes, or if there is nothing to show any more.
   */
  open(render: () => Promise<readonly RenderedRegion[] | undefined>): ReadableStream<Uint8Array> {
    const clock = this.#clock;
    const encoder = new TextEncoder();
    const sent = new Map<string, string>();
    const endMs = clock.monotonicMs() + lifeMs;
    let tookMs = 0;
    let cancel: Cancel | undefined;
    let isOpen = true;
    let wake: (() => void) | undefined;
    const close = () => {
      isOpen = false;
      this.#closers.delete(close);
      cancel?.();
      wake?.();
    };
    this.#closers.add(close);
    const rest = () => {
      const delayMs = Math.min(paceMsMax, Math.max(paceMs, restFactor * tookMs * this.#closers.size));
      return new Promise<void>((resolve) => {
        wake = resolve;
        cancel = clock.setTimer(delayMs, resolve);
      });
    };
    const failed = (error: unknown) => {
      close(); // or it would count as open for ever
      throw error;
    };
    return new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(encoder.encode("retry: 2000\n\n")),
      async pull(controller) {
        if (sent.size > 0) await rest();
        const fromMs = clock.monotonicMs();
        if (fromMs >= endMs) close();
        const regions = isOpen ? await render().catch(failed) : undefined;
        if (!isOpen) return controller.close();
        if (regions === undefined) {
          close();
          return controller.close();
        }
        tookMs = clock.monotonicMs() - fromMs;
        controller.enqueue(encoder.encode(frameOf(regions, sent)));
      },
      cancel: close,
    });
  }
}

/** The regions that have changed as an event, or a comment that keeps the connection. */
function frameOf(regions: readonly RenderedRegion[], sent: Map<string, string>): string {
  const changed: Record<string, string> = {};
  for (const { id, live, html } of regions) {
    if (live === undefined || sent.get(id) === html) continue;
    changed[id] = html;
    sent.set(id, html);
  }
  if (Object.keys(changed).length === 0) {
    sent.set("", "");
    return ": nothing new\n\n";
  }
  return `data: ${JSON.stringify(changed)}\n\n`;
}
