import type { Cancel, Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { callGuarded } from "../../base/call_guarded.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { slicesOf } from "../../base/slices_of.ts";
import type { LoggedEvent } from "../../ports/event_log.ts";
import { Topic } from "../../messages/builtin_protocols.ts";
import type { Entry } from "../../ports/store.ts";
import { eventKey, eventNumber, eventPrefix, recordKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/value_codec.ts";

/** The part of an event row in front of the payload. */
interface EventHead {
  /** The id of the message that published it. */
  readonly id: string;
  readonly subject: string;
  /** Absent if the message had none. */
  readonly headers?: Readonly<Record<string, string>>;
}

const pageMax = 100;
/** How long a reader waits after the store did not answer. */
const retryMs = 1_000;

/** Writes an event into the log of its topic, and removes the oldest if the log holds more than so many. */
export function writeEvent(
  writeSet: WriteSet,
  topic: string,
  { number, id, subject, payload, headers }: LoggedEvent,
  eventsMax: number,
): void {
  const head: EventHead = { id, subject, ...headers && { headers } };
  writeSet.write(eventKey(topic, number), encodeValue(head, toText(payload)));
  if (number > eventsMax) writeSet.remove(eventKey(topic, number - eventsMax));
  writeSet.rings = true;
}

/** The event log of each topic, in the order of publishing, for readers in this process. */
export class EventLogRows {
  readonly #session: StoreSession;
  readonly #onFailure: (error: unknown) => void;
  readonly #followers = new Set<Follower>();
  /** Settles when all followers have begun; absent if they have. */
  #beginning: Promise<unknown> | undefined;
  /** The latest publication that waits for followers to begin. */
  #waiting: Promise<void> | undefined;
  readonly #watchers = new Set<{ readonly topic: string; readonly onChange: () => void }>();
  /** Reads under way, by topic and number: followers at the same number share one. */
  readonly #reading = new Map<string, Promise<LoggedEvent[]>>();
  /** The version of the record of each topic with a reader, as last seen: each event changes it. */
  #versions = new Map<string, string | undefined>();
  readonly #look = new SingleFlight(() => this.#lookAtTopics());

  /** `onFailure` is called with what a callback of `watch` throws. */
  constructor(session: StoreSession, onFailure: (error: unknown) => void) {
    this.#session = session;
    this.#onFailure = onFailure;
  }

  /**
   * Calls `act` when all present followers have begun and `joining` has resolved, behind the calls that wait for that
   * already: so the followers get what it publishes. Rejects if the store does not answer a follower that begins.
   */
  whenFollowed<Result>(act: () => Promise<Result>, joining?: Promise<void>): Promise<Result> {
    const begun = this.#beginning;
    if ((begun ?? joining ?? this.#waiting) === undefined) return act();
    let acting: Promise<Result>;
    const waiting = Promise.all([this.#waiting?.catch(() => {}), begun, joining]).then(() => {
      acting = act();
    });
    this.#waiting = waiting;
    const over = () => {
      if (this.#waiting === waiting) this.#waiting = undefined;
    };
    waiting.then(over, over);
    return waiting.then(() => acting);
  }

  /** Publications wait until a follower has begun: one promise stands for all followers, however many begin. */
  #expect({ begun }: Follower): void {
    if (begun === undefined) return;
    const beginning = this.#beginning = Promise.all([this.#beginning, begun]);
    const over = (again: Iterable<Follower>) => {
      if (this.#beginning !== beginning) return;
      this.#beginning = undefined;
      for (const follower of again) this.#expect(follower);
    };
    beginning.then(() => over([]), () => over(this.#followers)); // some followers begin again
  }

  /** The number of the latest event of a topic; 0 if there is none. */
  async latest(topic: string): Promise<number> {
    const [last] = await this.#session.connection.list({
      prefix: eventPrefix(topic),
      limit: 1,
      reverse: true,
    });
    return last === undefined ? 0 : eventNumber(last.key);
  }

  /** The events behind one, at most 100. */
  async read(topic: string, after: number, limit = pageMax): Promise<LoggedEvent[]> {
    const range = {
      prefix: eventPrefix(topic),
      after: eventKey(topic, after),
      limit: Math.min(limit, pageMax),
    };
    return (await this.#session.connection.list(range)).map((row) => this.#eventOf(row));
  }

  #eventOf({ key, value }: Entry): LoggedEvent {
    const number = eventNumber(key);
    try {
      const { head: { id, subject, headers }, text } = decodeValue<EventHead>(value);
      if (typeof subject !== "string") throw new TypeError("it has no subject");
      return { number, id, subject, payload: fromText(text), ...headers && { headers } };
    } catch (error) { // readers skip it, and get the events behind it
      this.#session.onUnreadable(key, error);
      return { number, id: "", subject: "", payload: undefined, fault: messageOf(error) };
    }
  }

  /**
   * Calls `hear` with each event of a topic from now on, or behind an event number, until the result is disposed of.
   */
  follow(topic: string, after: number | undefined, hear: (event: LoggedEvent) => void): Disposable {
    const follower = new Follower(this, topic, after, hear, this.#session.clock);
    this.#followers.add(follower);
    this.#expect(follower);
    return {
      [Symbol.dispose]: () => {
        follower.stop();
        this.#followers.delete(follower);
      },
    };
  }

  /** Calls a function when a topic may have new events, until the result is disposed of. */
  watch(topic: string, onChange: () => void): Disposable {
    const watcher = { topic, onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** A topic has new events. */
  wake(topic: string): void {
    this.#reading.clear(); // a read that began before may lack them
    for (const follower of this.#followers) if (follower.topic === topic) follower.pump();
    for (const watcher of this.#watchers) {
      if (watcher.topic === topic) callGuarded(watcher.onChange, this.#onFailure);
    }
  }

  /**
   * Another process has committed something: reads the records of all topics with a reader together, and wakes those
   * that changed.
   */
  look(): Promise<void> {
    return this.#look.wake();
  }

  /** Reads behind a number; callers that want the same at the same time share one read. */
  share(topic: string, after: number): Promise<LoggedEvent[]> {
    const name = `${topic} ${after}`;
    const found = this.#reading.get(name);
    if (found !== undefined) return found;
    const reading = this.read(topic, after).finally(() => {
      if (this.#reading.get(name) === reading) this.#reading.delete(name);
    });
    this.#reading.set(name, reading);
    return reading;
  }

  async #lookAtTopics(): Promise<void> {
    const topics = [...new Set([...this.#followers, ...this.#watchers].map(({ topic }) => topic))];
    const before = this.#versions;
    const versions = new Map<string, string | undefined>();
    this.#versions = versions;
    for (const page of slicesOf(topics, pageMax)) {
      const { protocol } = Topic.publish;
      const rows = await this.#session.connection.read(page.map((key) => recordKey({ protocol, key })));
      for (const [index, topic] of page.entries()) {
        const version = rows[index]?.version;
        versions.set(topic, version);
        if (!before.has(topic) || before.get(topic) !== version) this.wake(topic);
      }
    }
  }

  /** Stops all readers. */
  end(): void {
    for (const follower of this.#followers) follower.stop();
    this.#followers.clear();
    this.#watchers.clear();
  }
}

/** Reads one topic for one reader, and continues whenever there may be more. */
class Follower {
  readonly topic: string;
  begun: Promise<void> | undefined;
  readonly #log: EventLogRows;
  readonly #hear: (event: LoggedEvent) => void;
  readonly #clock: Clock;
  #cancel: Cancel | undefined;
  /** Ends the pause before the next attempt to begin. */
  #goOn: (() => void) | undefined;
  #number: number | undefined;
  readonly #reading = new SingleFlight(() => this.#readOn());
  #stopped = false;

  constructor(
    log: EventLogRows,
    topic: string,
    after: number | undefined,
    hear: (event: LoggedEvent) => void,
    clock: Clock,
  ) {
    this.topic = topic;
    this.#log = log;
    this.#hear = hear;
    this.#clock = clock;
    this.#number = after;
    if (after === undefined) {
      this.begun = this.#begin();
      this.begun.catch(() => {}); // it tries again
    } else this.pump();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#goOn?.();
  }

  pump(): void {
    if (this.#stopped || this.#number === undefined) return;
    this.#reading.wake().catch(() => {
      if (!this.#stopped) this.#retry(() => this.pump()); // the store is away; what was logged is still there later
    });
  }

  async #readOn(): Promise<void> {
    let more = true;
    while (more && !this.#stopped) {
      const events = await this.#log.share(this.topic, this.#number!);
      for (const event of events) {
        if (this.#stopped) return;
        this.#number = event.number;
        if (event.fault === undefined) this.#hear(event);
      }
      more = events.length === pageMax;
    }
  }

  #retry(callback: () => void): void {
    this.#cancel?.();
    this.#cancel = this.#clock.setTimer(retryMs, callback);
  }

  /**
   * Finds the number to begin behind. Rejects if the store does not answer; then `begun` becomes the promise of the
   * next attempt.
   */
  async #begin(): Promise<void> {
    try {
      if (!this.#stopped) this.#number = await this.#log.latest(this.topic);
    } catch (error) {
      if (this.#stopped) return;
      this.#beginAgain();
      throw error;
    }
    this.begun = undefined;
    this.pump();
  }

  #beginAgain(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#goOn = resolve;
    this.#retry(resolve);
    this.begun = promise.then(() => this.#begin());
    this.begun.catch(() => {}); // it tries again
  }
}
