import { Route } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { Collector, surveyOf } from "../../messages/builtin_protocols.ts";
import { BoundedSet } from "../../base/bounded_set.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import type { Entry } from "../../ports/store.ts";
import { type TransientMessage, WriteSet } from "../commits/write_set.ts";
import { answered, answerKey, answerPrefix } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { commitOne } from "../commits/commit_one.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/value_codec.ts";

/** What is written of an answer besides the reply. */
interface SurveyReplyHead {
  readonly causationId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** How long after its survey's deadline an answer is still brought to whoever asked: later it is counted here. */
const lateMs = 30_000;
/** How long after it the store has it, and whoever asked looks for it. What this is more is for clocks that differ. */
const keepMs = 60_000;
/** The same at the most, counted from the answer, and from when the survey ended: it may have had no deadline. */
const longestMs = 3_600_000;
const pageMax = 100;
/** How many of those that were delivered last are known. */
const knownMax = 10_000;

/**
 * Answers to surveys that another instance asked: a row each, written in the commit of the turn that answers. The
 * instance that asked finds it, gives it to its collector and removes it.
 *
 * A collector gets an answer at most once: it is in the memory of its process, and what that leaves behind expires.
 * Where the survey is over it is counted there, for an hour at the most; later, or where the whole instance is
 * gone, nobody hears of it.
 */
export class SurveyReplies {
  readonly #session: StoreSession;
  readonly #ids: Ids;
  readonly #deliver: (transientMessages: readonly TransientMessage[]) => void;
  /** How many surveys are open here. */
  #open = 0;
  /** Until when an answer may come to any survey that is over. */
  #untilMs = -Infinity;
  /**
   * What was delivered lately. It may still be there, where it could not be removed; and come back, where its commit is
   * tried again because nobody knows its outcome.
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

  /** Whether what is for that collector goes to another instance, which may still hear it. */
  isForAnotherInstance(collector: string): boolean {
    const survey = surveyOf(collector);
    if (survey === undefined || survey.surveyor === this.#ids.name) return false;
    return this.#session.clock.now() < survey.deadlineMs + lateMs;
  }

  /** Writes an answer for whoever asked. */
  write(writeSet: WriteSet, collector: string, route: Route, reply: unknown): void {
    const { surveyor, deadlineMs } = surveyOf(collector)!;
    const { causationId, correlationId, extras } = route;
    const head: SurveyReplyHead = {
      causationId: causationId === undefined ? undefined : this.#ids.text(causationId),
      correlationId: correlationId === undefined ? undefined : this.#ids.text(correlationId),
      headers: extras?.headers,
    };
    const key = answerKey(surveyor, collector, this.#session.nextPosition());
    writeSet.write(key, encodeValue(head, toText(reply)), { expiresAtMs: this.#lastMs(deadlineMs) });
    writeSet.rings = true;
  }

  /** A survey is open here, until the result is disposed of. */
  expect(deadlineMs: number): Disposable {
    this.#open++;
    return {
      [Symbol.dispose]: () => {
        this.#open--;
        this.#untilMs = Math.max(this.#untilMs, this.#lastMs(deadlineMs));
      },
    };
  }

  /** Another process has committed something: perhaps an answer. Only who waits for one looks. */
  wake(): void {
    if (this.#open > 0) this.#look.wake().catch(() => {}); // the next heartbeat does
  }

  /** What no notification told of, and what came too late. */
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
      const { causationId, correlationId, headers } = head;
      const extras = headers && { headers };
      const route = new Route(Collector.take, causationId, correlationId, undefined, undefined, extras);
      const to = { protocol: Collector.take.protocol, key: answered(key) };
      local = { to, route, payload: fromText(text) };
    } catch (error) { // it goes, and the others come
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
