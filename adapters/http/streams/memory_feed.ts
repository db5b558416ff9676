import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Operation } from "../../../runtime/language/protocol.ts";
import type { Feed, FeedEntry, FeedReader, FeedStart } from "./feed.ts";
import { FrameData } from "./frame_data.ts";
import { jsonText } from "../body/json_text.ts";
import type { IngressSystem } from "../port.ts";

/** The position of a reader in a feed. */
export interface FeedCursor {
  /** The number of the next entry. */
  next: number;
}

/**
 * The latest events of one protocol in memory, for any number of readers. The state of a reader is only a
 * number, so a slow reader holds no memory: once the buffer has evicted its next event, its stream is closed.
 */
export class MemoryFeed implements Feed {
  readonly #capacity: number;
  readonly #bytesMax: number;
  readonly #epoch: string;
  readonly #entries: FeedEntry[] = [];
  readonly #waiting = new Set<() => void>();
  /** The number of the first entry that is kept. */
  #first = 0;
  #bytes = 0;
  #ended = false;

  /** Subscribes to the events. If a subscription throws, removes the others and throws its error. */
  constructor(system: IngressSystem, events: readonly Operation[], capacity: number, bytesMax: number) {
    this.#capacity = capacity;
    this.#bytesMax = bytesMax;
    this.#epoch = system.newId();
    const subscriptions: Disposable[] = [];
    try {
      for (const event of events) {
        subscriptions.push(
          system.subscribe(event as Operation<"event">, (_payload, { subject, input }) => {
            this.#add(event.name, subject, jsonOf(event, input));
          }),
        );
      }
    } catch (error) {
      for (const subscription of subscriptions) subscription[Symbol.dispose]();
      throw error;
    }
    void system.closed.then(() => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** Opens a reader. It reads all events; the stream filters them. */
  open({ lastEventId }: FeedStart): FeedReader {
    const found = lastEventId === undefined ? this.latest() : this.after(lastEventId);
    return new RingReader(this, found ?? this.latest(), found === undefined);
  }

  /** Whether there will be no more events. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A cursor at the end, for new events only. */
  latest(): FeedCursor {
    return { next: this.#first + this.#entries.length };
  }

  /** The id of the entry before a cursor; `undefined` if there was none. */
  idBefore({ next }: FeedCursor): string | undefined {
    return next === 0 ? undefined : `${this.#epoch}-${next - 1}`;
  }

  /** A cursor after the entry with this id; `undefined` if the buffer does not have it. */
  after(id: string): FeedCursor | undefined {
    const count = /^([0-9A-Z]+)-(\d{1,15})$/.exec(id);
    if (count === null || count[1] !== this.#epoch) return undefined;
    const next = Number(count[2]) + 1;
    return next < this.#first || next > this.#first + this.#entries.length ? undefined : { next };
  }

  /** Returns the entry at a cursor and advances it; `undefined` at the end. */
  read(cursor: FeedCursor): FeedEntry | undefined {
    const entry = this.#entries[cursor.next - this.#first];
    if (entry !== undefined) cursor.next++;
    return entry;
  }

  /** Whether the buffer has evicted the entry at a cursor. */
  lost(cursor: FeedCursor): boolean {
    return cursor.next < this.#first;
  }

  /**
   * Calls `wake` once, when there is an entry to read or there will be no more. Returns a function that
   * cancels the call.
   */
  wait(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  #add(event: string, subject: string, data: string): void {
    const id = `${this.#epoch}-${this.#first + this.#entries.length}`;
    this.#entries.push({ id, event, tokens: subject.split("."), data: new FrameData(data) });
    this.#bytes += data.length;
    while (
      this.#entries.length > this.#capacity || (this.#bytes > this.#bytesMax && this.#entries.length > 1)
    ) {
      this.#bytes -= this.#entries.shift()!.data.json.length;
      this.#first++;
    }
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/**
 * The payload as JSON. Throws if JSON cannot represent it; the event then becomes a dead letter with that
 * reason.
 */
function jsonOf({ protocol, name }: Operation, payload: unknown): string {
  const text = jsonText(payload);
  if (text !== undefined) return text;
  throw new PosthornError(
    "not-representable",
    `Cannot stream ${protocol}.${name}: JSON cannot represent its payload`,
  );
}

/** A reader: a position in the buffer. */
class RingReader implements FeedReader {
  readonly #feed: MemoryFeed;
  readonly #cursor: FeedCursor;
  readonly gap: boolean;
  readonly keeps = false;

  constructor(feed: MemoryFeed, cursor: FeedCursor, gap: boolean) {
    this.#feed = feed;
    this.#cursor = cursor;
    this.gap = gap;
  }

  get id(): string | undefined {
    return this.#feed.idBefore(this.#cursor);
  }

  get lost(): boolean {
    return this.#feed.lost(this.#cursor);
  }

  get ended(): boolean {
    return this.#feed.ended;
  }

  read(): FeedEntry | undefined {
    return this.#feed.read(this.#cursor);
  }

  wait(wake: () => void): () => void {
    return this.#feed.wait(wake);
  }
}
