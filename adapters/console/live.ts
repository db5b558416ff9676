import type { Cancel, Clock } from "../../runtime/base/clock.ts";
import { messageOf } from "../../runtime/base/errors.ts";
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
/** The longest text of an error, in UTF-16 units. */
const faultMax = 4_000;

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

  /** Why no page can be followed now; `undefined` if one can. */
  get refusal(): string | undefined {
    if (this.#isClosed) return "The system has stopped in this process.";
    if (this.#closers.size < streamsMax) return undefined;
    return `This page is not followed: ${streamsMax} of ${streamsMax} pages are open. Close another one.`;
  }

  /** How many are open. */
  get size(): number {
    return this.#closers.size;
  }

  /**
   * A page that is rendered again and again, as server-sent events: each is a JSON object with the markup of the regions that
   * have changed, by their ids. It ends after some minutes, also if nobody reads it, or if there is nothing to show any more.
   * If it cannot be rendered it says why, and ends.
   */
  open(render: () => Promise<readonly RenderedRegion[] | undefined>): ReadableStream<Uint8Array> {
    const clock = this.#clock;
    const encoder = new TextEncoder();
    const sent = new Map<string, string>();
    let tookMs = 0;
    let cancel: Cancel | undefined;
    let isOpen = true;
    let isRendering = false;
    let wake: (() => void) | undefined;
    let controller: ReadableStreamDefaultController<Uint8Array>;
    const leave = () => {
      isOpen = false;
      this.#closers.delete(close);
      cancelLife();
      cancel?.();
      wake?.();
    };
    const close = () => {
      leave();
      if (!isRendering) controller.close(); // nobody reads it
    };
    const cancelLife = clock.setTimer(lifeMs, close);
    this.#closers.add(close);
    const rest = () => {
      const delayMs = Math.min(paceMsMax, Math.max(paceMs, restFactor * tookMs * this.#closers.size));
      return new Promise<void>((resolve) => {
        wake = resolve;
        cancel = clock.setTimer(delayMs, resolve);
      });
    };
    const next = async (): Promise<string | undefined> => {
      if (sent.size > 0) await rest();
      if (!isOpen) return undefined;
      const fromMs = clock.monotonicMs();
      try {
        const regions = await render();
        tookMs = clock.monotonicMs() - fromMs;
        if (regions !== undefined) return frameOf(regions, sent);
        leave();
        return undefined;
      } catch (error) {
        leave(); // or it would count as open for ever
        return faultFrame(messageOf(error));
      }
    };
    return new ReadableStream<Uint8Array>({
      start(given) {
        controller = given;
        controller.enqueue(encoder.encode("retry: 2000\n\n"));
      },
      async pull() {
        isRendering = true;
        const frame = await next();
        isRendering = false;
        if (frame !== undefined) controller.enqueue(encoder.encode(frame));
        if (!isOpen) controller.close();
      },
      cancel: leave,
    });
  }
}

/** Says why a page is not followed. */
export function faultFrame(words: string): string {
  return `event: fault\ndata: ${JSON.stringify(words.slice(0, faultMax))}\n\n`;
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
