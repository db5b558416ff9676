import type { ActorId } from "../../language/address.ts";
import { wordsMax } from "../../ports/dead_letters.ts";
import type { Route } from "../../messages/envelope.ts";
import { messageOf, PosthornError } from "../../base/errors.ts";
import { Reply } from "../../messages/modes.ts";
import { replyNameOf } from "../../messages/reply_name.ts";
import { shorten } from "../../base/shorten.ts";
import { requireFits, weigh } from "../../ports/store_weight.ts";
import { type Dispatch, namedOperation } from "./dispatch.ts";
import { Effects, type Landing } from "../commits/effects.ts";
import { replyRowKey } from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import type { Replies } from "./replies.ts";
import { commitOne } from "../commits/single_commission.ts";
import { isAway, type Waiting, whileAway } from "./while_away.ts";

/** How many rows may wait for a store that is away: what comes beyond is given up at once. */
const waitingMax = 1_000;

/** What writing rows needs of the others. */
export interface RowWriterParts extends Waiting {
  readonly ledger: Ledger;
  readonly dispatch: Dispatch;
  readonly replies: Replies;
  readonly landing: Landing;
  /** For how long a reply is kept, and so for how long it is tried to write one. */
  readonly replyRetentionMs: number;
}

/**
 * Writes what those answer who keep nothing: replies to submits, and to surveys of other instances. Each is a row, in a
 * commit of its own, for its turn has none.
 */
export class RowWriter {
  readonly #parts: RowWriterParts;
  #waiting = 0;

  constructor(parts: RowWriterParts) {
    this.#parts = parts;
  }

  /**
   * There will be a reply of that name, unless it has come already. Rejects where the store does not take it.
   */
  async open(name: string): Promise<void> {
    const effects = new Effects();
    effects.checks.push({ key: replyRowKey(name), version: undefined });
    this.#parts.replies.open(effects, name);
    await this.#commit(effects, name);
  }

  /**
   * Writes a reply, or an answer. While the store is away it is tried again, for as long as replies are kept. Rejects
   * with what stands in the way: a reply that will never be there is refused then, so whoever waits for it hears of it.
   */
  async write(to: ActorId, route: Route, payload: unknown): Promise<void> {
    try {
      await this.#write(to, route, payload);
    } catch (error) {
      const replies = to.protocol === Reply.arrive.protocol && route.operation.name === Reply.arrive.name;
      if (replies && !isAway(error)) await this.#refuse(to, route, error);
      throw error;
    }
  }

  async #write(to: ActorId, route: Route, payload: unknown): Promise<void> {
    if (to.protocol === Reply.open.protocol && route.operation.name === Reply.open.name) {
      return await this.#trying(() => this.open(to.key));
    }
    const effects = new Effects(); // one for all attempts: what landed unheard is written over, and not once more
    this.#parts.dispatch.post(effects, to, route, payload);
    await this.#trying(() => this.#commit(effects, to.key));
  }

  async #refuse(to: ActorId, route: Route, error: unknown): Promise<void> {
    const { protocol, key } = to;
    const operation = namedOperation({ protocol, key, operation: Reply.refuse.name });
    const code = error instanceof PosthornError ? error.code : "failed";
    const failure = {
      id: String(route.causationId ?? ""),
      code,
      message: shorten(messageOf(error), wordsMax),
    };
    await this.#write(to, route.of(operation), failure).catch(() => {}); // it stays pending until it expires
  }

  async #trying(act: () => Promise<void>): Promise<void> {
    const { ledger: { clock }, replyRetentionMs } = this.#parts;
    const untilMs = clock.monotonicMs() + replyRetentionMs;
    this.#waiting++;
    try {
      await whileAway(this.#parts, act, () => this.#waiting > waitingMax || clock.monotonicMs() >= untilMs);
    } finally {
      this.#waiting--;
    }
  }

  async #commit(effects: Effects, name: string): Promise<void> {
    const { ledger, landing } = this.#parts;
    const { limits } = ledger.traits;
    const what = `the reply ${replyNameOf(name)}`;
    requireFits(what, weigh(effects, limits), limits);
    if (effects.writes.length > 0) ledger.committer.requireRoom(what);
    const version = effects.writes.length === 0 ? "" : await commitOne(ledger.committer, effects);
    if (version !== undefined) effects.land(landing, version, ledger.nextMoment());
  }
}
