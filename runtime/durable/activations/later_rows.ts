import { endAt } from "../../base/times.ts";
import type { Entry } from "../../ports/store.ts";
import { isReplyTarget } from "../../messages/envelope.ts";
import { keptReplyOf } from "../../messages/kept_reply.ts";
import { laterAddress } from "../../messages/later.ts";
import { deadlineName, type EndedLaters, type LaterEnd } from "../../turns/later_actor.ts";
import type { OpenedLater } from "../../turns/turn_laters.ts";
import type { Turn } from "../../turns/turn.ts";
import type { DurableTurn, TurnWrites } from "./turn_writes.ts";
import type { RecordHead } from "../rows/actor_record.ts";
import { receiptKey, recordKey } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import { encodeValue, jsonToText } from "../rows/value_codec.ts";
import { type AcceptanceMark, writeMark } from "../delivery/acceptance.ts";
import type { ReplyRows } from "../delivery/reply_rows.ts";

/**
 * Opens laters: the turn that answers "later" writes the record of the actor that keeps its request, in its own commit. So
 * whoever looks finds the message of the request, or what became of it, and nothing in between.
 */
export class LaterRows {
  readonly #replies: ReplyRows;
  readonly #turnWrites: TurnWrites;

  constructor(replies: ReplyRows, turnWrites: TurnWrites) {
    this.#replies = replies;
    this.#turnWrites = turnWrites;
  }

  /**
   * Adds to a turn what its answer "later" writes, if that is its answer. Returns a promise if it has to read the mark of the
   * message. Throws a `TypeError` if the later is of another turn.
   */
  open(turn: DurableTurn, result: unknown): Promise<void> | undefined {
    const opened = turn.opened(result);
    if (opened === undefined) return undefined;
    const { mark } = turn.mail.head;
    if (mark === undefined) return void this.#write(turn, opened);
    const { connection } = turn.session;
    return connection.read([mark]).then(([stored]) => {
      this.#write(turn, opened);
      if (stored !== undefined) this.#keepMark(turn, opened, stored);
    });
  }

  #write(turn: DurableTurn, { key, request }: OpenedLater): void {
    const { session, rows } = turn;
    const to = laterAddress(key, "expire");
    const { untilMs } = request;
    const schedules = untilMs === undefined ? undefined : this.#turnWrites.schedule(
      rows,
      to,
      {},
      [{ name: deadlineName, when: { at: new Date(untilMs) }, to, payload: undefined }],
      new Map(),
    );
    const head: RecordHead = {
      turn: session.nextToken(),
      clock: session.timestampMicros,
      schema: 0,
      schedules,
    };
    rows.writeOnce(recordKey(to), session.encoder.encode(head, jsonToText(request))); // it has headers of any name
    const name = keptReplyOf(turn.route.replyTo);
    if (name !== undefined) this.#replies.openLater(rows, name, { later: key, untilMs: untilMs ?? Infinity });
  }

  /** Repeats of the request are known for as long as its answer may take, and a window more. */
  #keepMark(turn: DurableTurn, { key, timeoutMs }: OpenedLater, stored: Entry): void {
    const mark = readableHead<AcceptanceMark>(stored.value);
    if (mark === undefined || turn.session.isOver(mark.untilMs)) return; // its message was accepted all the same
    const { replyTo } = turn.route;
    if (mark.ticket !== undefined && !isReplyTarget(replyTo) && mark.ticket !== replyTo?.key) return; // of a later message
    const untilMs = mark.untilMs === undefined ? undefined : endAt(mark.untilMs + timeoutMs);
    writeMark(turn.rows, stored.key, { ...mark, untilMs, later: key }, stored);
  }
}

/** How long the store keeps a row after its time. */
const slackMs = 60_000;

/** The laters in a store that were answered: each is known for as long as replies are kept. */
export function endedInStore(keepMs: number): EndedLaters {
  return {
    end(turn, why) {
      turn.erase();
      if (why !== "answered") return;
      const { rows, session, key } = turn as DurableTurn;
      const untilMs = endAt(session.clock.now() + keepMs);
      rows.write(rowOf(key), encodeValue({ untilMs }, ""), { expiresAtMs: untilMs && untilMs + slackMs });
    },
    whyOf: (turn: Turn) => whyOf(turn as DurableTurn),
  };
}

async function whyOf({ session, key }: DurableTurn): Promise<LaterEnd | undefined> {
  const [stored] = await session.connection.read([rowOf(key)]);
  if (stored === undefined) return undefined;
  return session.isOver(readableHead<{ untilMs?: number }>(stored.value)?.untilMs) ? undefined : "answered";
}

/** No token of a commit is the key of a later. */
function rowOf(key: string): string {
  return receiptKey(key);
}
