import type { Clock } from "../../../runtime/base/clock.ts";
import type { Operation } from "../../../runtime/language/protocol.ts";
import type { Feed, FeedEntry, FeedReader, FeedStart } from "./feed.ts";
import { TopicLog, type WindowBounds, Windows } from "./topic_log.ts";
import type { IngressSystem } from "../port.ts";

/** The delay before readers try again after the store could not be read, in milliseconds. */
const retryMs = 1_000;

/**
 * The events of one protocol from the logs in the store: every instance can resume from an id that another
 * gave, also after a restart. The state of a reader is one sequence number for each of its events; the
 * windows that are read are shared by all readers.
 */
export class LogFeed implements Feed {
  readonly #clock: Clock;
  readonly #topics: readonly TopicLog[];
  readonly #waiting = new Set<() => void>();
  #cancelRetry: (() => void) | undefined;
  #ended = false;
  /** The change counter: incremented whenever there may be new events. */
  #state = 0;

  constructor(system: IngressSystem, events: readonly Operation[], bounds: WindowBounds) {
    this.#clock = system.clock;
    const windows = new Windows(bounds);
    const watching: Disposable[] = [];
    this.#topics = events.map((event) => {
      const log = system.eventLog(event as Operation<"event">)!;
      const topic = new TopicLog(event.name, log, windows, () => this.#retry());
      watching.push(log.watch(() => {
        topic.changed();
        this.#wake();
      }));
      return topic;
    });
    void system.closed.then(() => {
      this.#ended = true;
      this.#cancelRetry?.();
      for (const one of watching) one[Symbol.dispose]();
      this.#wake();
    });
  }

  /** Whether there will be no more events. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The change counter. */
  get state(): number {
    return this.#state;
  }

  /** Opens a reader. Rejects if the store cannot be read. */
  async open({ events, lastEventId }: FeedStart): Promise<FeedReader> {
    const given = lastEventId === undefined ? undefined : numbersOf(lastEventId);
    let gap = false;
    const places = await Promise.all(
      this.#topics.filter(({ name }) => events.has(name)).map(async (topic): Promise<TopicPosition> => {
        const number = given?.get(topic.name);
        if (number !== undefined && await this.#isKept(topic, number)) return { topic, number };
        gap ||= lastEventId !== undefined;
        return { topic, number: await topic.latest() };
      }),
    );
    return new LogReader(this, places, gap);
  }

  /**
   * Calls `wake` once, when there may be an event to read or there will be no more. Returns a function that
   * cancels the call.
   */
  wait(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  /** Whether all events after this one are still kept. */
  async #isKept(topic: TopicLog, number: number): Promise<boolean> {
    const next = await topic.find(number + 1);
    return next !== "gone" && (next !== "none" || await topic.latest() >= number);
  }

  /** Called if the store could not be read: wakes the readers later to try again. */
  #retry(): void {
    if (this.#ended) return;
    this.#cancelRetry ??= this.#clock.setTimer(retryMs, () => {
      this.#cancelRetry = undefined;
      this.#wake();
    });
  }

  #wake(): void {
    this.#state++;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

/** The position of a reader in one topic: after the event with this number. */
interface TopicPosition {
  readonly topic: TopicLog;
  number: number;
}

/**
 * A reader: a position in each of its topics. Its id contains all these positions, whichever event it belongs
 * to.
 */
class LogReader implements FeedReader {
  readonly #feed: LogFeed;
  readonly #places: readonly TopicPosition[];
  readonly gap: boolean;
  readonly keeps = true;
  lost = false;
  /**
   * The index of the topic to read first: the one after the topic of the last event, so that all get their
   * turn.
   */
  #first = 0;
  #state = -1;

  constructor(feed: LogFeed, places: readonly TopicPosition[], gap: boolean) {
    this.#feed = feed;
    this.#places = places;
    this.gap = gap;
  }

  get id(): string {
    return this.#places.map(({ topic, number }) => `${topic.name}:${number}`).join(",");
  }

  get ended(): boolean {
    return this.#feed.ended;
  }

  async read(): Promise<FeedEntry | undefined> {
    this.#state = this.#feed.state;
    const { length } = this.#places;
    for (let step = 0; step < length; step++) {
      const index = (this.#first + step) % length;
      const place = this.#places[index];
      for (;;) {
        const found = await place.topic.find(place.number + 1);
        this.lost ||= found === "gone";
        if (this.lost) return undefined;
        if (found === "none" || found === "gone") break;
        place.number++;
        const { data, tokens } = found;
        if (data === undefined) continue;
        this.#first = (index + 1) % length;
        return { id: this.id, event: place.topic.name, tokens, data };
      }
    }
  }

  wait(wake: () => void): () => void {
    if (this.#state === this.#feed.state) return this.#feed.wait(wake);
    wake(); // there may be new events since the last read
    return () => {};
  }
}

/** The sequence numbers in an id, by event; `undefined` if it is not an id of such a feed. */
function numbersOf(id: string): ReadonlyMap<string, number> | undefined {
  const numbers = new Map<string, number>();
  for (const part of id.split(",")) {
    const found = /^([a-z][A-Za-z0-9]{0,63}):(\d{1,15})$/.exec(part);
    if (found === null) return undefined;
    numbers.set(found[1], Number(found[2]));
  }
  return numbers;
}
