import { PosthornError } from "../../../runtime/base/errors.ts";
import type { Operation } from "../../../runtime/language/protocol.ts";
import type { Feed, FeedEntry, FeedReader, FeedStart } from "./feed.ts";
import { FrameData } from "./frame_data.ts";
import { jsonText } from "../body/json_text.ts";
import type { IngressSystem } from "../port.ts";

/** Where a reader stands in a feed. */
export interface FeedCursor {
  /** The count of the next entry. */
  next: number;
}

/**
 * The latest events of one protocol, for any number of readers. A reader is no more than a count, so one that is slow
 * holds no memory: it falls behind, and is cut off when the buffer has moved past it.
 */
export class MemoryFeed implements Feed {
  readonly #capacity: number;
  readonly #bytesMax: number;
  readonly #epoch: string;
  readonly #entries: FeedEntry[] = [];
  readonly #waiting = new Set<() => void>();
  /** The count of the first entry that is kept. */
  #first = 0;
  #bytes = 0;
  #ended = false;

  /** Throws what a subscription throws, and then nothing is subscribed. */
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

  /** A reader of it. It sees all events: who wants some of them leaves out the others. */
  open({ lastEventId }: FeedStart): FeedReader {
    const found = lastEventId === undefined ? this.latest() : this.after(lastEventId);
    return new RingReader(this, found ?? this.latest(), found === undefined);
  }

  /** Whether nothing will come any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** A cursor at the end: what comes from now on. */
  latest(): FeedCursor {
    return { next: this.#first + this.#entries.length };
  }

  /** The id of the entry before a cursor; nothing where there was none. */
  idBefore({ next }: FeedCursor): string | undefined {
    return next === 0 ? undefined : `${this.#epoch}-${next - 1}`;
  }

  /** A cursor behind the entry of that id; nothing where that is no longer, or never was, in the buffer. */
  after(id: string): FeedCursor | undefined {
    const count = /^([0-9A-Z]+)-(\d{1,15})$/.exec(id);
    if (count === null || count[1] !== this.#epoch) return undefined;
    const next = Number(count[2]) + 1;
    return next < this.#first || next > this.#first + this.#entries.length ? undefined : { next };
  }

  /** The entry under a cursor, which moves on; nothing where the cursor is at the end. */
  read(cursor: FeedCursor): FeedEntry | undefined {
    const entry = this.#entries[cursor.next - this.#first];
    if (entry !== undefined) cursor.next++;
    return entry;
  }

  /** Whether the buffer has moved past a cursor. */
  lost(cursor: FeedCursor): boolean {
    return cursor.next < this.#first;
  }

  /** Calls `wake` once, when there is something to read or nothing will come any more. */
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

/** The payload as streams carry it. What has no JSON is a dead letter, which says so. */
function jsonOf({ protocol, name }: Operation, payload: unknown): string {
  const text = jsonText(payload);
  if (text !== undefined) return text;
  throw new PosthornError("not-representable", `Cannot stream ${protocol}.${name}: its payload has no JSON`);
}

/** A place in the buffer. */
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
