import type { Cancel } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { callGuarded } from "../../base/call_guarded.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { LoggedEvent } from "../../ports/event_log.ts";
import { Topic } from "../../messages/builtin_protocols.ts";
import type { Entry } from "../../ports/store.ts";
import { eventKey, eventNumber, eventPrefix, recordKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/value_codec.ts";

/** What is written of an event besides its payload. */
interface EventHead {
  /** The id of the message that published it. */
  readonly id: string;
  readonly subject: string;
}

const pageMax = 100;
/** How long a reader waits that the store did not answer. */
const retryMs = 1_000;

/** Writes an event into the log of its topic, which keeps so many of the latest. */
export function writeEvent(
  writeSet: WriteSet,
  topic: string,
  { number, id, subject, payload }: LoggedEvent,
  eventsMax: number,
): void {
  const head: EventHead = { id, subject };
  writeSet.write(eventKey(topic, number), encodeValue(head, toText(payload)));
  if (number > eventsMax) writeSet.remove(eventKey(topic, number - eventsMax));
  writeSet.rings = true;
}

/** The events of each topic, in the order of publishing, for readers in this process. */
export class EventLogRows {
  readonly #session: StoreSession;
  readonly #onFailure: (error: unknown) => void;
  readonly #followers = new Set<Follower>();
  /** That those who follow have begun, but for those that came since somebody waited for it; absent where they have. */
  #beginning: Promise<unknown> | undefined;
  #fresh = new Set<Follower>();
  /** The last that waits until those who follow have begun. */
  #waiting: Promise<void> | undefined;
  readonly #watchers = new Set<{ readonly topic: string; readonly onChange: () => void }>();
  /** What is being read, by topic and number: those who stand at one place share it. */
  readonly #reading = new Map<string, Promise<LoggedEvent[]>>();
  /** The version of the record of each topic that somebody listens to, when it was looked at last: each event changes it. */
  #versions = new Map<string, string | undefined>();
  readonly #look = new SingleFlight(() => this.#lookAtTopics());

  /** `onFailure` hears what those throw who watch. */
  constructor(session: StoreSession, onFailure: (error: unknown) => void) {
    this.#session = session;
    this.#onFailure = onFailure;
  }

  /**
   * Does something when all who follow by now have begun, and `joining` has come through, behind what waits for that
   * already: they hear of it. Rejects where they cannot, since the store does not answer.
   */
  whenFollowed<Result>(act: () => Promise<Result>, joining?: Promise<void>): Promise<Result> {
    const begun = this.#allBegun();
    const all = (begun ?? joining ?? this.#waiting) === undefined;
    if (all || this.#session.probes?.without("listen-first")) return act();
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

  /** Many may come while none has begun: each waits for one promise, and not for one of each that came before. */
  #allBegun(): Promise<unknown> | undefined {
    const fresh = [...this.#fresh].flatMap(({ begun }) => begun === undefined ? [] : [begun]);
    this.#fresh.clear();
    if (fresh.length === 0) return this.#beginning;
    const beginning = this.#beginning = Promise.all([this.#beginning, ...fresh]);
    const over = (again: Iterable<Follower>) => {
      if (this.#beginning !== beginning) return;
      this.#beginning = undefined;
      for (const follower of again) this.#fresh.add(follower);
    };
    beginning.then(() => over([]), () => over(this.#followers)); // some begin again
    return beginning;
  }

  /** The number of the latest event of a topic; 0 where there is none. */
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
      const { head: { id, subject }, text } = decodeValue<EventHead>(value);
      if (typeof subject !== "string") throw new TypeError("it has no subject");
      return { number, id, subject, payload: fromText(text) };
    } catch (error) { // nobody hears it, and what is behind it is heard
      this.#session.onUnreadable(key, error);
      return { number, id: "", subject: "", payload: undefined, fault: messageOf(error) };
    }
  }

  /** Hears all that is published to a topic from now on, or behind an event, until it is disposed of. */
  follow(topic: string, after: number | undefined, hear: (event: LoggedEvent) => void): Disposable {
    const later = (callback: () => void) => this.#session.clock.setTimer(retryMs, callback);
    const follower = new Follower(this, topic, after, hear, later);
    this.#followers.add(follower);
    this.#fresh.add(follower);
    return {
      [Symbol.dispose]: () => {
        follower.stop();
        this.#followers.delete(follower);
        this.#fresh.delete(follower);
      },
    };
  }

  /** Hears that there may be something new in a topic, until it is disposed of. */
  watch(topic: string, onChange: () => void): Disposable {
    const watcher = { topic, onChange };
    this.#watchers.add(watcher);
    return { [Symbol.dispose]: () => void this.#watchers.delete(watcher) };
  }

  /** There is something new in a topic. */
  wake(topic: string): void {
    this.#reading.clear(); // what began before may not have it
    for (const follower of this.#followers) if (follower.topic === topic) follower.pump();
    for (const watcher of this.#watchers) {
      if (watcher.topic === topic) callGuarded(watcher.onChange, this.#onFailure);
    }
  }

  /** Others have committed something: looks at all topics together in which there may be something new, and wakes those. */
  look(): Promise<void> {
    return this.#look.wake();
  }

  /** What many want to read at the same time is read once. */
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
    for (let first = 0; first < topics.length; first += pageMax) {
      const page = topics.slice(first, first + pageMax);
      const { protocol } = Topic.publish;
      const rows = await this.#session.connection.read(page.map((key) => recordKey({ protocol, key })));
      for (const [index, topic] of page.entries()) {
        const version = rows[index]?.version;
        versions.set(topic, version);
        if (!before.has(topic) || before.get(topic) !== version) this.wake(topic);
      }
    }
  }

  /** Nobody hears anything any more. */
  end(): void {
    for (const follower of this.#followers) follower.stop();
    this.#followers.clear();
    this.#fresh.clear();
    this.#watchers.clear();
  }
}

/** Reads on from where it is, whenever there may be more. */
class Follower {
  readonly topic: string;
  begun: Promise<void> | undefined;
  readonly #log: EventLogRows;
  readonly #hear: (event: LoggedEvent) => void;
  readonly #later: (callback: () => void) => Cancel;
  #cancel: Cancel | undefined;
  /** Ends the pause before it tries again to begin. */
  #goOn: (() => void) | undefined;
  #number: number | undefined;
  readonly #reading = new SingleFlight(() => this.#readOn());
  #stopped = false;

  constructor(
    log: EventLogRows,
    topic: string,
    after: number | undefined,
    hear: (event: LoggedEvent) => void,
    later: (callback: () => void) => Cancel,
  ) {
    this.topic = topic;
    this.#log = log;
    this.#hear = hear;
    this.#later = later;
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
      if (!this.#stopped) this.#retry(() => this.pump()); // the store is away: what was logged is still there then
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
    this.#cancel = this.#later(callback);
  }

  /** Rejects where the store does not answer; then it tries again, and that is what whoever comes waits for. */
  async #begin(): Promise<void> {
    try {
      if (!this.#stopped) this.#number = await this.#log.latest(this.topic);
    } catch (error) {
      if (!this.#stopped) this.#beginAgain();
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
