import { givenUpFailure } from "../../activations/take_back.ts";
import type { Timers } from "../../scheduling/timers.ts";
import { commitKnown } from "../commits/commit_one.ts";
import { WriteSet } from "../commits/write_set.ts";
import { expectKey, replyRowKey } from "../rows/keys.ts";
import { readableHead } from "../rows/readable_head.ts";
import type { Address } from "../../language/address.ts";
import type { WritingServices } from "./message_writer.ts";
import type { ReplyRows, ReplyWait, RequestPlace, SentRequest, StoredReply } from "./reply_rows.ts";

/** What taking back needs of requests that were sent to other services. */
export interface SentCancellationParts extends WritingServices {
  readonly replies: ReplyRows;
  readonly timers: Pick<Timers, "set">;
}

/**
 * Takes back requests that were sent to other services. The service that accepts a request decides, so it is told, behind
 * the request; its answer comes as a failure of the request. If the deadline of the request passes before that, the request
 * is given up: nobody knows what became of it, and a reply that comes later is a dead letter.
 */
export class SentCancellations {
  readonly #parts: SentCancellationParts;

  constructor(parts: SentCancellationParts) {
    this.#parts = parts;
  }

  /** Tells the other service, once, or gives up after the deadline. Says whether the row of the reply may have changed. */
  async step(
    name: string,
    { version }: StoredReply,
    sent: SentRequest,
    at: RequestPlace,
  ): Promise<"again" | "elsewhere"> {
    const { session, writer } = this.#parts;
    const writeSet = new WriteSet();
    writeSet.checks.push({ key: replyRowKey(name), version });
    if (sent.deadlineMs !== undefined && sent.deadlineMs <= session.clock.now()) {
      await this.#giveUp(writeSet, name, sent, at);
    } else if (!sent.told && writer.remote !== undefined) {
      this.#parts.replies.open(writeSet, name, { ...at, sent: { ...sent, told: true } });
      writer.remote.cancel(writeSet, { ...at, sent });
    } else return "elsewhere";
    const landed = await commitKnown(session, writeSet, `the reply ${name}`);
    if (landed !== undefined) writeSet.land(this.#parts.committedDelivery, landed, session.nextReadEpoch());
    return "again";
  }

  /** Calls a function that waits, until the deadline of a request if that is earlier. */
  async within<Result>(
    wait: ReplyWait,
    deadlineMs: number | undefined,
    act: (wait: ReplyWait) => Promise<Result>,
  ): Promise<Result> {
    if (deadlineMs === undefined) return await act(wait);
    const { timers, session: { clock } } = this.#parts;
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = timers.set(Math.max(deadlineMs - clock.now(), 0), resolve, resolve);
    const over = () => wait.over || deadlineMs <= clock.now();
    try {
      return await act({
        get over() {
          return over();
        },
        ended: Promise.race([wait.ended, late]),
      });
    } finally {
      timer.cancel();
    }
  }

  async #giveUp(writeSet: WriteSet, name: string, sent: SentRequest, at: RequestPlace): Promise<void> {
    const { session, writer, replies } = this.#parts;
    const { id, operation } = sent;
    const failure = givenUpFailure(id, `${at.protocol}/${at.key} ${operation}`);
    replies.cancel(writeSet, name, failure, "given-up");
    session.probes?.reach("a request is given up");
    if (sent.name === name) return;
    const [expected] = await session.connection.read([expectKey(sent.name)]);
    if (expected === undefined) return;
    writeSet.removeIfUnchanged(expected, expected.value.length);
    const failTo = readableHead<{ readonly failTo?: Address }>(expected.value)?.failTo;
    if (failTo !== undefined) writer.answer(writeSet, failTo, failure, { id, operation, via: "" });
  }
}
