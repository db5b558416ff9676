import { requireScheduleName } from "../turns/schedule_time.ts";
import type { Clock } from "../base/clock.ts";
import { PosthornError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { requireDelay } from "../base/require.ts";
import { within } from "../base/within.ts";
import { type ActorId, requireKey } from "../language/address.ts";
import type { Cancellation } from "../language/ticket.ts";
import { namedOperation, Route } from "../messages/envelope.ts";
import { Ids } from "../messages/ids.ts";
import { withdrawalOf } from "../messages/later.ts";
import { isCaller, noReply, replyKey, timeOfReplyName, undecidedRequest } from "../messages/reply_name.ts";
import type { BulkResult, CancelRequestOptions, WhichLetter } from "../ports/control.ts";
import { requireFilter, requireProtocol } from "../ports/control_arguments.ts";
import type { DeadLetterFilter } from "../ports/observation.ts";
import { type ResolvedOptions, resolveOptions } from "../ports/options.ts";
import type { Store, StoreConnection } from "../ports/store.ts";
import { Timers } from "../scheduling/timers.ts";
import { Membership } from "./background/membership.ts";
import { StoredLetters } from "./background/stored_letters.ts";
import { commitKnown } from "./commits/commit_one.ts";
import { setPaused } from "./commits/set_paused.ts";
import { StoreSession } from "./commits/store_session.ts";
import { type CommittedDelivery, WriteSet } from "./commits/write_set.ts";
import { connectBeside } from "./connect_beside.ts";
import type { OpenedControl } from "./control_store.ts";
import { Cancellations } from "./delivery/cancellations.ts";
import { DelayedRows } from "./delivery/delayed_rows.ts";
import { type HostLookup, MessageWriter, type WritingServices } from "./delivery/message_writer.ts";
import { ReplyRows } from "./delivery/reply_rows.ts";
import { SurveyReplies } from "./delivery/survey_replies.ts";
import { Unhosted } from "./delivery/unhosted.ts";
import { proofKey } from "./rows/keys.ts";
import { readableHead } from "./rows/readable_head.ts";
import { type DurabilityRow, faultOfFormat } from "./rows/store_format.ts";
import { cancelStored } from "./stored_schedules.ts";

/** How long it waits for the store when it ends, at each of its two steps. */
const endMs = 5_000;
/** Why nothing more can be done after that. */
const disposed = "this control was disposed of";
/** How often it looks whether a request has been decided elsewhere, in milliseconds. */
const lookAgainMs = 250;

/** It hosts no actor, so all that is written is for other processes. */
const nobody: HostLookup = { hosting: () => "no", roomFor: () => undefined, undelivered: () => {} };
const nowhere: CommittedDelivery = {
  deliverCommitted() {},
  accepted() {},
  acceptedElsewhere() {},
  deliverTransient() {},
};

/** Connects to a store without being an instance. */
export async function openControl(store: Store, clock: Clock, random: Random): Promise<OpenedControl> {
  const { connection, otherClocks } = await connectBeside("control", store, clock);
  try {
    await requireFormat(connection, store.traits.name);
    const options = resolveOptions({ actors: [], clock, random });
    const ids = new Ids(clock, random);
    const session = new StoreSession(ids.ulid(), connection, store.traits, clock, random, otherClocks);
    // It reads what the instances wrote of themselves, so that its positions come behind theirs, and writes no row of its own.
    await new Membership(session, { newName: () => ids.ulid(), hosts: [], reborn() {} }).look();
    return new ControlOfStore(session, options, ids);
  } catch (error) {
    await connection.close().catch(() => {}); // the first error is the cause
    throw error;
  }
}

/** Throws unless a system has written to the store in a format that this program knows. */
async function requireFormat(connection: StoreConnection, name: string): Promise<void> {
  const [proof] = await connection.read([proofKey]);
  const why = proof === undefined
    ? "no system has written to it"
    : faultOfFormat(readableHead<DurabilityRow>(proof.value)?.format);
  if (why !== undefined) throw new PosthornError("unknown-format", `Cannot control ${name}: ${why}`);
}

class ControlOfStore implements OpenedControl {
  readonly #session: StoreSession;
  readonly #ids: Ids;
  readonly #timers: Timers;
  readonly #replies: ReplyRows;
  readonly #writing: WritingServices;
  readonly #letters: StoredLetters;
  readonly #cancellations: Cancellations;

  constructor(session: StoreSession, { replyRetentionMs, laterMs, limits }: ResolvedOptions, ids: Ids) {
    this.#session = session;
    this.#ids = ids;
    this.#timers = new Timers(session.clock);
    const replies = this.#replies = new ReplyRows(session, replyRetentionMs, laterMs);
    const surveyReplies = new SurveyReplies(session, ids, () => {});
    const unhosted = new Unhosted(session, { here: () => false, elsewhere: () => false });
    const delayed = new DelayedRows(session, ids, limits, () => {});
    const writer = new MessageWriter(session, replies, surveyReplies, nobody, unhosted, delayed, ids);
    const writing = this.#writing = { session, writer, committedDelivery: nowhere };
    this.#letters = new StoredLetters(writing);
    this.#cancellations = new Cancellations({
      ...writing,
      replies,
      delayed,
      timers: this.#timers,
      delivery: { operationAt: namedOperation, reports: { cancelled: (envelope) => envelope } },
      takenBack: () => undefined,
    });
  }

  resend(id: string, which?: WhichLetter): Promise<void> {
    return this.#letters.resend(id, which);
  }

  async resendAll(filter: DeadLetterFilter): Promise<BulkResult> {
    requireFilter("resendAll", filter);
    return await this.#letters.resendAll(filter);
  }

  discard(id: string, which?: WhichLetter): Promise<boolean> {
    return this.#letters.discard(id, which);
  }

  async discardAll(filter: DeadLetterFilter): Promise<BulkResult> {
    requireFilter("discardAll", filter);
    return await this.#letters.discardAll(filter);
  }

  async cancelSchedule({ protocol, key }: ActorId, name: string): Promise<boolean> {
    requireScheduleName("cancel the schedule", name);
    requireProtocol("cancel a schedule of", protocol);
    requireKey(protocol, key);
    return await cancelStored(this.#session, { protocol, key }, name);
  }

  async cancelRequest(
    reply: string,
    { caller = "", timeoutMs = 5_000 }: CancelRequestOptions = {},
  ): Promise<Cancellation> {
    requireDelay("timeoutMs", timeoutMs);
    if (timeOfReplyName(reply) === undefined || !isCaller(caller)) throw noReply(reply, "cancel");
    const ended = Promise.withResolvers<void>();
    const wait = { over: timeoutMs === 0, ended: ended.promise };
    const end = () => {
      wait.over = true;
      ended.resolve();
    };
    const timer = timeoutMs > 0 ? this.#timers.set(timeoutMs, end, end) : undefined;
    const looking = this.#lookAgain();
    try {
      const key = replyKey(reply, caller);
      for (let asked = false;; asked = true) {
        const told = await this.#cancellations.cancel(key, reply, wait, asked);
        if (typeof told === "string") return told;
        if (told === undefined) throw undecidedRequest(reply, timeoutMs);
        await this.#withdraw(told.later);
      }
    } finally {
      looking[Symbol.dispose]();
      timer?.cancel();
    }
  }

  async pause(protocol: string): Promise<void> {
    requireProtocol("pause", protocol);
    await setPaused(this.#session, protocol, true);
  }

  async resume(protocol: string): Promise<void> {
    requireProtocol("resume", protocol);
    await setPaused(this.#session, protocol, false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { clock, committer, connection } = this.#session;
    await within(clock, endMs, committer.idle());
    this.#replies.end(disposed);
    committer.end(disposed);
    this.#timers.clear();
    await within(clock, endMs, connection.close());
  }

  /** Asks the actor that keeps a request to withdraw it, by a message that an instance handles. */
  async #withdraw(later: string): Promise<void> {
    const { session, writer } = this.#writing;
    const { to, operation } = withdrawalOf(later);
    const writeSet = new WriteSet();
    const draft = writer.draft({ to, route: new Route(operation), payload: undefined, id: this.#ids.ulid() });
    writer.deliver(writeSet, to, draft);
    await commitKnown(session, writeSet, "a request to withdraw");
  }

  /** Looks again and again for what instances decide. */
  #lookAgain(): Disposable {
    const look = () => {
      this.#replies.look().catch(() => {}); // the next one does
      timer = this.#timers.set(lookAgainMs, look);
    };
    let timer = this.#timers.set(lookAgainMs, look);
    return { [Symbol.dispose]: () => timer.cancel() };
  }
}
