import type { EventLog } from "../../../runtime/ports/event_log.ts";
import { FrameData } from "./frame_data.ts";
import { jsonText } from "../body/json_text.ts";

/**
 * The result of looking up a number in a log: an event, `none` if it is not published yet, or `gone` if it is
 * no longer kept.
 */
export type LogLookup = LogEntry | "none" | "gone";

/** One logged event, prepared for streams. */
export interface LogEntry {
  readonly tokens: readonly string[];
  /** The payload; absent if JSON cannot represent it. Streams skip such an event. */
  readonly data: FrameData | undefined;
}

/** The number of events in a window. */
export const windowSize = 32;

/** A window: some consecutive events of a topic. */
class Window {
  /** The sequence number before its first event. */
  readonly before: number;
  readonly entries: (LogEntry | undefined)[] = [];
  /** The sequence number up to which the log has been read. */
  known: number;
  /** The change counter of the topic when the window was last read. */
  state = -1;
  loading: Promise<boolean> | undefined;
  characters = 0;

  constructor(before: number) {
    this.before = before;
    this.known = before;
  }
}

/** The bounds of the windows of all topics of a feed together. */
export interface WindowBounds {
  readonly eventsMax: number;
  readonly charactersMax: number;
}

/** A least-recently-used cache of windows. All readers share it, so a reader has no memory of its own. */
export class Windows {
  readonly #bounds: WindowBounds;
  readonly #windows = new Map<string, Window>();
  #characters = 0;

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** The window of a topic after a sequence number. */
  use(topic: string, before: number): Window {
    const name = `${topic} ${before}`;
    const found = this.#windows.get(name);
    const page = found ?? new Window(before);
    if (found !== undefined) this.#windows.delete(name);
    this.#windows.set(name, page);
    return page;
  }

  /**
   * Called when a window has grown. Evicts the least recently used windows, except for that one, until the
   * bounds are kept.
   */
  grew(page: Window, characters: number): void {
    page.characters += characters;
    this.#characters = 0;
    for (const { characters } of this.#windows.values()) this.#characters += characters;
    const { eventsMax, charactersMax } = this.#bounds;
    const windowsMax = Math.max(Math.floor(eventsMax / windowSize), 1);
    for (const [name, oldest] of this.#windows) {
      if (this.#windows.size <= windowsMax && this.#characters <= charactersMax) return;
      if (oldest === page) continue;
      this.#windows.delete(name);
      this.#characters -= oldest.characters;
    }
  }
}

/**
 * The log of one topic, read in windows that all readers share: concurrent readers of a window cause one read
 * of the store.
 */
export class TopicLog {
  readonly name: string;
  readonly #log: EventLog;
  readonly #windows: Windows;
  readonly #onFailure: () => void;
  /** The change counter: incremented whenever there may be new events. */
  #state = 0;

  /** `onFailure` is called if the store cannot be read. */
  constructor(name: string, log: EventLog, windows: Windows, onFailure: () => void) {
    this.name = name;
    this.#log = log;
    this.#windows = windows;
    this.#onFailure = onFailure;
  }

  /** Called when there may be new events. */
  changed(): void {
    this.#state++;
  }

  /** Resolves with the sequence number of the latest event. */
  latest(): Promise<number> {
    return this.#log.latest();
  }

  /** Looks up the event with a sequence number. */
  find(number: number): LogLookup | Promise<LogLookup> {
    const before = number - 1 - (number - 1) % windowSize;
    const page = this.#windows.use(this.name, before);
    return this.#in(page, number) ?? this.#findLoading(page, number);
  }

  async #findLoading(page: Window, number: number): Promise<LogLookup> {
    for (;;) {
      const answered = await this.#load(page);
      const found = this.#in(page, number);
      if (found !== undefined) return found;
      if (!answered) return "none";
    } // a load that another reader had started may be older than the latest change
  }

  #in(page: Window, number: number): LogLookup | undefined {
    const entry = page.entries[number - page.before - 1];
    if (entry !== undefined) return entry;
    if (number <= page.known) return "gone";
    return page.state === this.#state && page.loading === undefined ? "none" : undefined;
  }

  /** Loads a window. Resolves with whether the store could be read. */
  #load(page: Window): Promise<boolean> {
    return page.loading ??= this.#read(page).finally(() => page.loading = undefined);
  }

  async #read(page: Window): Promise<boolean> {
    page.state = this.#state;
    try {
      const end = page.before + windowSize;
      let characters = 0;
      for (const { number, subject, payload, fault } of await this.#log.read(page.known, end - page.known)) {
        page.known = Math.min(number, end); // events before it are no longer kept
        if (number > end) break;
        const json = fault === undefined ? jsonText(payload) : undefined;
        const data = json === undefined ? undefined : new FrameData(json);
        page.entries[number - page.before - 1] = { tokens: subject.split("."), data };
        characters += json?.length ?? 0;
      }
      this.#windows.grew(page, characters);
      return true;
    } catch {
      page.state = -1;
      this.#onFailure();
      return false;
    }
  }
}
