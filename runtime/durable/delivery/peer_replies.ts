import { LimitExceededError, type PosthornError } from "../../base/errors.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { parse } from "../../language/parse.ts";
import type { Operation } from "../../language/protocol.ts";
import type { ReplyTarget } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import { replyName } from "../../messages/reply_name.ts";
import { errorOfFailure } from "../../ports/dead_letters.ts";
import type { Entry } from "../../ports/store.ts";
import { commitOne } from "../commits/commit_one.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { WriteSet } from "../commits/write_set.ts";
import { pages } from "../rows/pages.ts";
import { replyRowKey } from "../rows/keys.ts";
import { readRow } from "./reply_rows.ts";

/** How many asks of this process may wait for replies in the store. */
const waitingMax = 100_000;
const pageMax = 100;

/** An ask that waits for its reply in the store. */
interface WaitingAsk {
  readonly target: ReplyTarget;
  readonly operation: Operation;
  /** What errors call it. */
  readonly name: string;
  /** Takes it back: nobody waits for its reply any more. Absent before it is sent. */
  takeBack?: () => void;
}

/**
 * The replies to the asks of this process that other processes handle. Each is a row, as the reply to a submit is: the turn
 * that replies writes it with its commit. The rows of one process have a common prefix, so one list finds those that have
 * come, however many asks wait. A row is removed when it has been read; those of a process that has ended expire.
 */
export class PeerReplies {
  readonly #session: StoreSession;
  readonly #ids: Ids;
  /** By the key of the reply. */
  readonly #waiting = new Map<string, WaitingAsk>();
  readonly #keys = new WeakMap<ReplyTarget, string>();
  /** Whether it has ever waited: only then may there be rows. */
  #asked = false;
  readonly #look = new SingleFlight(() => this.#readAll());

  constructor(session: StoreSession, ids: Ids) {
    this.#session = session;
    this.#ids = ids;
  }

  /** The key under which the reply to an ask will be. Throws a `LimitExceededError` if too many asks wait. */
  expect(target: ReplyTarget, operation: Operation, name: string): string {
    if (this.#waiting.size >= waitingMax) this.#forgetOver();
    if (this.#waiting.size >= waitingMax) {
      const why = `${this.#waiting.size} of ${waitingMax} asks of this process wait for other processes`;
      throw new LimitExceededError("too-many-replies", `Cannot ask ${name}: ${why}`);
    }
    const key = this.#prefix + replyName(this.#ids.ulid());
    this.#asked = true;
    this.#waiting.set(key, { target, operation, name });
    this.#keys.set(target, key);
    return key;
  }

  /** The ask under a key was sent, and can be taken back. */
  sent(key: string, takeBack: () => void): void {
    const ask = this.#waiting.get(key);
    if (ask !== undefined) ask.takeBack = takeBack;
  }

  /** Whoever asked has gone. */
  abandon(target: ReplyTarget): void {
    const key = this.#keys.get(target);
    const ask = key === undefined ? undefined : this.#waiting.get(key);
    if (ask === undefined) return;
    this.#waiting.delete(key!);
    ask.takeBack?.();
  }

  /** The ask was not accepted: no reply will come. */
  forget(key: string): void {
    this.#waiting.delete(key);
  }

  /** Another process has committed something, perhaps a reply. */
  wake(): void {
    if (this.#waiting.size > 0) this.#look.wake().catch(() => {}); // the next heartbeat does
  }

  /** Finds replies of which no notification told, and those that came too late. */
  async heartbeat(): Promise<void> {
    this.#forgetOver();
    if (this.#asked) await this.#look.wake();
  }

  /** What all its keys begin with. */
  get #prefix(): string {
    return `${askPrefix}${this.#ids.name}\n`;
  }

  #forgetOver(): void {
    for (const [key, { target }] of this.#waiting) if (target.over) this.#waiting.delete(key);
  }

  async #readAll(): Promise<void> {
    const prefix = replyRowKey(this.#prefix);
    for await (const rows of pages(this.#session.connection, { prefix, limit: pageMax })) {
      for (const row of rows) this.#take(row, this.#prefix + row.key.slice(prefix.length));
    }
  }

  #take(row: Entry, key: string): void {
    const ask = this.#waiting.get(key);
    let answer: (target: ReplyTarget) => void;
    try {
      const { head: { status, failure }, reply } = readRow(row, ask?.name ?? key);
      if (status === "pending") return;
      answer = failure === undefined
        ? (target) => target.reply(outputOf(ask!, reply), reply)
        : (target) => target.fail(errorOfFailure(failure));
    } catch (error) {
      answer = (target) => target.fail(error as PosthornError);
    }
    this.#waiting.delete(key);
    const writeSet = new WriteSet();
    writeSet.remove(row.key, row.value.length);
    commitOne(this.#session.committer, writeSet).catch(() => {}); // it expires
    if (ask === undefined || ask.target.over) return;
    try {
      answer(ask.target);
    } catch (error) { // the reply does not fit the schema that this process has
      ask.target.fail(error as PosthornError);
    }
  }
}

/** What the names of replies to asks of peers begin with. No name of a caller does: an encoded one has no colon. */
const askPrefix = "ask:";

/** Whether a reply of that name is one to an ask of a peer: only its asker looks for it, and it is not pending before. */
export function isAskOfPeer(name: string): boolean {
  return name.startsWith(askPrefix);
}

function outputOf({ operation, name }: WaitingAsk, reply: unknown): unknown {
  return operation.repliesUnchecked ? reply : parse(operation.reply, reply, "Cannot take the reply of", name);
}
