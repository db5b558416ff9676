import type { FrameData } from "./frame_data.ts";

/** One published event, prepared for streams. */
export interface FeedEntry {
  readonly id: string;
  readonly event: string;
  /** The tokens of its subject. */
  readonly tokens: readonly string[];
  /** The payload. */
  readonly data: FrameData;
}

/** The events that a reader wants, and the position from which it resumes. */
export interface FeedStart {
  /** The names of the wanted events. */
  readonly events: ReadonlySet<string>;
  /** The id of the last event that the reader received; absent if it wants only new events. */
  readonly lastEventId: string | undefined;
}

/** The events of one protocol, for any number of readers. The state of a reader is only its position. */
export interface Feed {
  /** Opens a reader of all events that are published from now on, preceded by those after its last event. */
  open(start: FeedStart): FeedReader | Promise<FeedReader>;
}

/** One reader of a feed. */
export interface FeedReader {
  /**
   * Whether the requested position is no longer kept or is unknown: the reader then starts with new events.
   */
  readonly gap: boolean;
  /** The id of the current position; absent if there is none to resume from. */
  readonly id: string | undefined;
  /** Whether ids are valid after a restart. They are then worth sending also with keep-alive comments. */
  readonly keeps: boolean;
  /** Whether the next event is no longer kept. */
  readonly lost: boolean;
  /** Whether there will be no more events. */
  readonly ended: boolean;
  /** Returns the next entry and advances; `undefined` if there is none yet, or if it is lost. */
  read(): FeedEntry | undefined | Promise<FeedEntry | undefined>;
  /**
   * Calls `wake` once, when there may be an entry to read or there will be no more. Returns a function that
   * cancels the call.
   */
  wait(wake: () => void): () => void;
}
