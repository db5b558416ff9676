import type { Clock } from "../../../runtime/base/clock.ts";
import type { Operation } from "../../../runtime/language/protocol.ts";
import type { Feed, FeedEntry, FeedReader, FeedStart } from "./feed.ts";
import { TopicLog, type WindowBounds, Windows } from "./topic_log.ts";
import type { IngressSystem } from "../port.ts";

/** How long readers wait that the store did not answer. */
const retryMs = 1_000;

/**
 * The events of one protocol as a store keeps them: any instance can go on behind an id that another gave, also after a
 * restart. A reader is a number for each of its events; what is read is shared by all.
 */
export class LogFeed implements Feed {
  readonly #clock: Clock;
  readonly #topics: readonly TopicLog[];
  readonly #waiting = new Set<() => void>();
  #cancelRetry: (() => void) | undefined;
  #ended = false;
  /** Counts how often there may have been something new. */
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

  /** Whether nothing will come any more. */
  get ended(): boolean {
    return this.#ended;
  }

  /** How often there may have been something new. */
  get state(): number {
    return this.#state;
  }

  /** Rejects where the store does not say what it has. */
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

  /** Calls `wake` once, when there may be something to read or nothing will come any more. */
  wait(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }

  /** Whether all that came behind an event is there. */
  async #isKept(topic: TopicLog, number: number): Promise<boolean> {
    const next = await topic.find(number + 1);
    return next !== "gone" && (next !== "none" || await topic.latest() >= number);
  }

  /** The store did not answer: it is asked again later. */
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

/** Where a reader stands in one topic: behind the event of that number. */
interface TopicPosition {
  readonly topic: TopicLog;
  number: number;
}

/** A place in each of some topics. Its id has the number of each, so it says all of them whichever event has it. */
class LogReader implements FeedReader {
  readonly #feed: LogFeed;
  readonly #places: readonly TopicPosition[];
  readonly gap: boolean;
  readonly keeps = true;
  lost = false;
  /** Which topic is looked at first: the one behind that which had the last event. */
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
    wake(); // something came since it looked
    return () => {};
  }
}

/** The numbers that an id holds, by event; nothing where it is no id of such a feed. */
function numbersOf(id: string): ReadonlyMap<string, number> | undefined {
  const numbers = new Map<string, number>();
  for (const part of id.split(",")) {
    const found = /^([a-z][A-Za-z0-9]{0,63}):(\d{1,15})$/.exec(part);
    if (found === null) return undefined;
    numbers.set(found[1], Number(found[2]));
  }
  return numbers;
}
