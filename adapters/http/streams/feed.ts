import type { FrameData } from "./frame_data.ts";

/** One published event, as a stream carries it. */
export interface FeedEntry {
  readonly id: string;
  readonly event: string;
  /** The tokens of its subject. */
  readonly tokens: readonly string[];
  /** The payload. */
  readonly data: FrameData;
}

/** Where a reader wants to begin. */
export interface FeedStart {
  /** The names of the events that it wants. */
  readonly events: ReadonlySet<string>;
  /** The id of the last event that it has; absent where it wants what comes from now on. */
  readonly lastEventId: string | undefined;
}

/** The events of one protocol, for any number of readers. A reader is no more than a place. */
export interface Feed {
  /** A reader that hears all that is published from then on, and before that what is behind its last event. */
  open(start: FeedStart): FeedReader | Promise<FeedReader>;
}

/** One reader of a feed. */
export interface FeedReader {
  /** Whether what it should begin behind is no longer there, or never was: then it begins with what comes. */
  readonly gap: boolean;
  /** The id of the place where it stands; absent where there is none to come back to. */
  readonly id: string | undefined;
  /** Whether ids are understood after a restart: then they are worth telling also where nothing happens. */
  readonly keeps: boolean;
  /** Whether the feed no longer has what is next. */
  readonly lost: boolean;
  /** Whether nothing will come any more. */
  readonly ended: boolean;
  /** The next entry, and moves on; nothing where there is none yet, or it is lost. */
  read(): FeedEntry | undefined | Promise<FeedEntry | undefined>;
  /** Calls `wake` once, when there may be something to read or nothing will come any more. */
  wait(wake: () => void): () => void;
}
