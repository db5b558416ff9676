import { namedOperation, Route } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { Collector, surveyOf } from "../../messages/builtin_protocols.ts";
import { BoundedSet } from "../../base/bounded_set.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Entry } from "../../ports/store.ts";
import { type TransientMessage, WriteSet } from "../commits/write_set.ts";
import { answered, answerKey, answerPrefix } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { MessageHeader } from "../rows/queued_message.ts";
import { commitOne } from "../commits/commit_one.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/value_codec.ts";

/** The part of a survey reply row in front of the reply. */
interface SurveyReplyHead extends Pick<MessageHeader, "causationId" | "correlationId" | "headers"> {
  /** What it tells the collector, if it is no reply: that a respondent gives none, or how many were asked. */
  readonly operation?: string | undefined;
}

/**
 * How long after the deadline of its survey a reply is still delivered to the instance that asked: it counts late
 * replies.
 */
const lateMs = 30_000;
/**
 * How long after the deadline the store keeps a reply, and the instance that asked looks for it. The margin allows for
 * clocks that differ.
 */
const keepMs = 60_000;
/** The most of that, counted from the reply, and from the end of the survey: a survey may have had no deadline. */
const longestMs = 3_600_000;
const pageMax = 100;
/** How many of the latest delivered replies are known. */
const knownMax = 10_000;

/**
 * Replies to surveys of other instances, a row each, written in the commit of the turn that replies. The instance that
 * asked reads the row, gives the reply to its collector, and removes it.
 *
 * A collector gets a reply at most once: it lives in the memory of its process, and rows that it leaves behind expire.
 * After the end of its survey the instance counts late replies, for an hour at most; a later reply, or one for an
 * instance that has gone, is lost.
 */
export class SurveyReplies {
  readonly #session: StoreSession;
  readonly #ids: Ids;
  readonly #deliver: (transientMessages: readonly TransientMessage[]) => void;
  /** How many surveys of this instance are open. */
  #open = 0;
  /** Until when a reply may come to a survey that is over. */
  #untilMs = -Infinity;
  /**
   * The replies that were delivered lately. A row may still be there if it could not be removed, and may come back if
   * its commit is tried again because its outcome is unknown.
   */
  readonly #known = new BoundedSet(knownMax);
  readonly #look = new SingleFlight(() => this.#bring());

  constructor(
    session: StoreSession,
    ids: Ids,
    deliver: (transientMessages: readonly TransientMessage[]) => void,
  ) {
    this.#session = session;
    this.#ids = ids;
    this.#deliver = deliver;
  }

  /** Whether the collector is one of another instance, whose survey may still be open. */
  isForAnotherInstance(collector: string): boolean {
    const survey = surveyOf(collector);
    if (survey === undefined || survey.surveyor === this.#ids.name) return false;
    return this.#session.clock.now() < survey.deadlineMs + lateMs;
  }

  /** Adds a reply for the instance that asked to a commit. */
  write(writeSet: WriteSet, collector: string, route: Route, reply: unknown): void {
    const { surveyor, deadlineMs } = surveyOf(collector)!;
    const { causationId, correlationId, extras, operation: { name } } = route;
    const head: SurveyReplyHead = {
      causationId: causationId === undefined ? undefined : this.#ids.text(causationId),
      correlationId: correlationId === undefined ? undefined : this.#ids.text(correlationId),
      headers: extras?.headers,
      operation: name === Collector.take.name ? undefined : name,
    };
    const key = answerKey(surveyor, collector, this.#session.nextPosition());
    writeSet.write(key, encodeValue(head, toText(reply)), { expiresAtMs: this.#lastMs(deadlineMs) });
    writeSet.rings = true;
  }

  /** Tells that a survey of this instance is open, until the result is disposed of. */
  expect(deadlineMs: number): Disposable {
    this.#open++;
    return {
      [Symbol.dispose]: () => {
        this.#open--;
        this.#untilMs = Math.max(this.#untilMs, this.#lastMs(deadlineMs));
      },
    };
  }

  /** Another process has committed something, perhaps a reply: looks, if a survey is open. */
  wake(): void {
    if (this.#open > 0) this.#look.wake().catch(() => {}); // the next heartbeat does
  }

  /** Finds replies that no notification told of, and late ones. */
  async heartbeat(): Promise<void> {
    if (this.#open > 0 || this.#session.clock.now() < this.#untilMs) await this.#look.wake();
  }

  #lastMs(deadlineMs: number): number {
    return Math.min(deadlineMs + keepMs, this.#session.clock.now() + longestMs);
  }

  async #bring(): Promise<void> {
    const prefix = answerPrefix(this.#ids.name);
    for (let more = true; more;) {
      const rows = await this.#session.connection.list({ prefix, limit: pageMax });
      for (const row of rows) if (!this.#known.has(row.key)) this.#bringOne(row);
      await Promise.all(rows.map((row) => this.#remove(row)));
      more = rows.length === pageMax;
    }
  }

  #bringOne({ key, value }: Entry): void {
    this.#known.add(key);
    let local: TransientMessage;
    try {
      const { head, text } = decodeValue<SurveyReplyHead>(value);
      const { causationId, correlationId, headers, operation = Collector.take.name } = head;
      const extras = headers && { headers };
      const to = { protocol: Collector.take.protocol, key: answered(key) };
      const told = namedOperation({ ...to, operation });
      const route = new Route(told, causationId, correlationId, undefined, undefined, extras);
      local = { to, route, payload: fromText(text) };
    } catch (error) { // it is removed, and the others are delivered
      return this.#session.onUnreadable(key, error);
    }
    this.#deliver([local]);
  }

  async #remove({ key, value }: Entry): Promise<void> {
    const writeSet = new WriteSet();
    writeSet.remove(key, value.length);
    await commitOne(this.#session.committer, writeSet);
  }
}
