import type { EventLog } from "../../../runtime/ports/event_log.ts";
import { FrameData } from "./frame_data.ts";
import { jsonText } from "../body/json_text.ts";

/** What a window has under a number: an event, nothing yet, or nothing any more. */
export type LogLookup = LogEntry | "none" | "gone";

/** One logged event, as streams carry it. */
export interface LogEntry {
  readonly tokens: readonly string[];
  /** The payload; absent where it has no JSON: such an event is nobody's to hear. */
  readonly data: FrameData | undefined;
}

/** How many events of a topic a window has. */
export const windowSize = 32;

/** Some of a topic's events, in a row. */
class Window {
  /** The number before its first. */
  readonly before: number;
  readonly entries: (LogEntry | undefined)[] = [];
  /** Up to which number it is known what there is. */
  known: number;
  /** The state of the topic when it was last read. */
  state = -1;
  loading: Promise<boolean> | undefined;
  characters = 0;

  constructor(before: number) {
    this.before = before;
    this.known = before;
  }
}

/** What the windows of all topics of a feed may take together. */
export interface WindowBounds {
  readonly eventsMax: number;
  readonly charactersMax: number;
}

/** The windows that were read, the latest used last: all readers read through them, so none has any memory of its own. */
export class Windows {
  readonly #bounds: WindowBounds;
  readonly #windows = new Map<string, Window>();
  #characters = 0;

  constructor(bounds: WindowBounds) {
    this.#bounds = bounds;
  }

  /** The window of a topic behind that number. */
  use(topic: string, before: number): Window {
    const name = `${topic} ${before}`;
    const found = this.#windows.get(name);
    const page = found ?? new Window(before);
    if (found !== undefined) this.#windows.delete(name);
    this.#windows.set(name, page);
    return page;
  }

  /** A window became larger: those that were not used for longest go, but for that one. */
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

/** One topic's log, read in windows that all readers share: what many want to know at once is asked once. */
export class TopicLog {
  readonly name: string;
  readonly #log: EventLog;
  readonly #windows: Windows;
  readonly #onFailure: () => void;
  /** Counts how often there may have been something new. */
  #state = 0;

  /** `onFailure` hears that the store did not answer. */
  constructor(name: string, log: EventLog, windows: Windows, onFailure: () => void) {
    this.name = name;
    this.#log = log;
    this.#windows = windows;
    this.#onFailure = onFailure;
  }

  /** There may be something new. */
  changed(): void {
    this.#state++;
  }

  /** The number of the latest event. */
  latest(): Promise<number> {
    return this.#log.latest();
  }

  /** What is under a number. */
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
    } // what others had begun to load may be from before the latest change
  }

  #in(page: Window, number: number): LogLookup | undefined {
    const entry = page.entries[number - page.before - 1];
    if (entry !== undefined) return entry;
    if (number <= page.known) return "gone";
    return page.state === this.#state && page.loading === undefined ? "none" : undefined;
  }

  /** Resolves with whether the store answered. */
  #load(page: Window): Promise<boolean> {
    return page.loading ??= this.#read(page).finally(() => page.loading = undefined);
  }

  async #read(page: Window): Promise<boolean> {
    page.state = this.#state;
    try {
      const end = page.before + windowSize;
      let characters = 0;
      for (const { number, subject, payload, fault } of await this.#log.read(page.known, end - page.known)) {
        page.known = Math.min(number, end); // those before it are gone
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
