import { Route } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { Collector, surveyOf } from "../../messages/modes.ts";
import { Recent } from "../../base/recent.ts";
import type { Entry } from "../../ports/store.ts";
import { Effects, type LocalDelivery } from "../commits/effects.ts";
import { answered, answerKey, answerPrefix } from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import { commitOne } from "../commits/single_commission.ts";
import { decodeValue, encodeValue, fromText, toText } from "../rows/stored_value.ts";

/** What is written of an answer besides the reply. */
interface AnswerHead {
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
export class Answers {
  readonly #ledger: Ledger;
  readonly #ids: Ids;
  readonly #deliver: (locals: readonly LocalDelivery[]) => void;
  /** How many surveys are open here. */
  #open = 0;
  /** Until when an answer may come to any survey that is over. */
  #untilMs = -Infinity;
  /**
   * What was delivered lately. It may still be there, where it could not be removed; and come back, where its commit is
   * tried again because nobody knows its outcome.
   */
  readonly #known = new Recent(knownMax);
  #looking: Promise<void> | undefined;
  #again = false;

  constructor(ledger: Ledger, ids: Ids, deliver: (locals: readonly LocalDelivery[]) => void) {
    this.#ledger = ledger;
    this.#ids = ids;
    this.#deliver = deliver;
  }

  /** Whether what is for that collector goes to another instance, which may still hear it. */
  brings(collector: string): boolean {
    const survey = surveyOf(collector);
    if (survey === undefined || survey.surveyor === this.#ids.name) return false;
    return this.#ledger.clock.now() < survey.deadlineMs + lateMs;
  }

  /** Writes an answer for whoever asked. */
  write(effects: Effects, collector: string, route: Route, reply: unknown): void {
    const { surveyor, deadlineMs } = surveyOf(collector)!;
    const { causationId, correlationId, rarities } = route;
    const head: AnswerHead = {
      causationId: causationId === undefined ? undefined : this.#ids.text(causationId),
      correlationId: correlationId === undefined ? undefined : this.#ids.text(correlationId),
      headers: rarities?.headers,
    };
    const key = answerKey(surveyor, collector, this.#ledger.nextPlace());
    effects.write(key, encodeValue(head, toText(reply)), { expiresAtMs: this.#lastMs(deadlineMs) });
    effects.rings = true;
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
    if (this.#open > 0) this.#look().catch(() => {}); // the next heartbeat does
  }

  /** What no bell told of, and what came too late. */
  async heartbeat(): Promise<void> {
    if (this.#open > 0 || this.#ledger.clock.now() < this.#untilMs) await this.#look();
  }

  #lastMs(deadlineMs: number): number {
    return Math.min(deadlineMs + keepMs, this.#ledger.clock.now() + longestMs);
  }

  #look(): Promise<void> {
    this.#again = true; // who lists just now may not have seen what the bell is about
    return this.#looking ??= this.#bring();
  }

  async #bring(): Promise<void> {
    const prefix = answerPrefix(this.#ids.name);
    try {
      while (this.#again) {
        this.#again = false;
        const rows = await this.#ledger.connection.list({ prefix, limit: pageMax });
        for (const row of rows) if (!this.#known.has(row.key)) this.#bringOne(row);
        await Promise.all(rows.map((row) => this.#remove(row)));
        if (rows.length === pageMax) this.#again = true;
      }
    } finally {
      this.#looking = undefined; // in one step with the last look at what rang
    }
  }

  #bringOne({ key, value }: Entry): void {
    this.#known.add(key);
    let local: LocalDelivery;
    try {
      const { head, text } = decodeValue<AnswerHead>(value);
      const { causationId, correlationId, headers } = head;
      const rarities = headers && { headers };
      const route = new Route(Collector.take, causationId, correlationId, undefined, undefined, rarities);
      const to = { protocol: Collector.take.protocol, key: answered(key) };
      local = { to, route, payload: fromText(text) };
    } catch (error) { // it goes, and the others come
      return this.#ledger.onUnreadable(key, error);
    }
    this.#deliver([local]);
  }

  async #remove({ key, value }: Entry): Promise<void> {
    const effects = new Effects();
    effects.remove(key, value.length);
    await commitOne(this.#ledger.committer, effects);
  }
}
