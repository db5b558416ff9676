import type { ActorId } from "../../language/address.ts";
import { isReplyTarget } from "../../messages/envelope.ts";
import { Topic } from "../../messages/builtin_protocols.ts";
import { parse } from "../../language/parse.ts";
import { type ScheduleChange, schedulesMax } from "../../turns/schedules.ts";
import { timeAfter } from "../../base/times.ts";
import type { MessageWriter } from "../delivery/message_writer.ts";
import type { DurableTurn } from "./durable_turn.ts";
import type { WriteSet } from "../commits/write_set.ts";
import { scheduleKey, timerKey, timerPrefix } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import {
  namesToRead,
  readTimers,
  requireRoom,
  type ScheduleSummaries,
  type ScheduleSummary,
  summariesOf,
  type TimerRows,
} from "../rows/schedule_summaries.ts";
import { requireFiring, type StoredDue, type StoredSchedule } from "../rows/schedule_row.ts";
import { encodeValue, toText } from "../rows/value_codec.ts";
import { topicsOf } from "../rows/topics_of.ts";

/** What a turn does, as effects of a commit. */
export class TurnWrites {
  readonly #session: StoreSession;
  readonly #writer: MessageWriter;

  constructor(session: StoreSession, writer: MessageWriter) {
    this.#session = session;
    this.#writer = writer;
  }

  /** Throws what stands in the way: a reply that does not fit, a payload that cannot be kept. */
  of(turn: DurableTurn, mail: QueuedMessage, result: unknown): WriteSet {
    const writeSet = turn.rows;
    for (const { to, route, payload } of turn.outgoing) this.#writer.post(writeSet, to, route, payload);
    const { operation, replyTo } = turn.route;
    const { mode } = operation;
    if (replyTo === undefined || mode === "tell" || (result === undefined && mode === "survey")) {
      return writeSet;
    }
    const reply = operation.repliesUnchecked
      ? result
      : parse(operation.reply, result, "Cannot reply to", turn);
    if (isReplyTarget(replyTo)) writeSet.after(() => replyTo.reply(reply, result));
    else this.#writer.answer(writeSet, replyTo, result, mail.head);
    return writeSet;
  }

  /** The names of schedules whose rows must be read before a turn's changes can be written. */
  unsure(
    plans: ScheduleSummaries,
    committed: ScheduleSummaries,
    changes: readonly ScheduleChange[],
  ): readonly string[] {
    return namesToRead(plans, committed, changes, this.#session.clock.now());
  }

  /** What is in those rows. */
  read(actor: ActorId, names: readonly string[]): Promise<TimerRows> {
    return readTimers((keys) => this.#session.connection.read(keys), actor, names);
  }

  /**
   * What becomes of schedules: writes them, and returns the plans that there are then. `rows` are those of names that
   * were unsure. Throws where there would be too many, or where one could never fire.
   */
  schedule(
    writeSet: WriteSet,
    actor: ActorId,
    plans: ScheduleSummaries,
    changes: readonly ScheduleChange[],
    rows: TimerRows,
  ): ScheduleSummaries {
    const all = new Map(Object.entries(plans));
    for (const [name, row] of rows) row === undefined ? all.delete(name) : all.set(name, row);
    for (const { name, when, to, payload } of changes) {
      const before = all.get(name);
      if (before !== undefined) this.#remove(writeSet, actor, name, before);
      all.delete(name);
      if (when === undefined || to === undefined) continue;
      all.set(name, this.#write(writeSet, actor, { name, when, to, payload }, before?.bytes));
    }
    requireRoom(all.size, actor);
    return Object.fromEntries(all);
  }

  /** Erases an actor's schedules and subscriptions. */
  async erase(writeSet: WriteSet, actor: ActorId, plans: ScheduleSummaries): Promise<void> {
    const { connection } = this.#session;
    const topics = await topicsOf(connection, actor);
    if (Object.keys(plans).length > 0) {
      const rows = await connection.list({ prefix: timerPrefix(actor), limit: schedulesMax });
      for (const some of [plans, summariesOf(rows)]) {
        for (const [name, planned] of Object.entries(some)) this.#remove(writeSet, actor, name, planned);
      }
    }
    const { protocol, key } = actor;
    for (const topic of topics) {
      const address = {
        protocol: Topic.leave.protocol,
        key: topic,
        operation: Topic.leave.name,
      };
      this.#writer.answer(writeSet, address, { protocol, key }, {
        id: this.#session.nextToken(),
        operation: "",
        via: "",
      });
    }
  }

  #write(
    writeSet: WriteSet,
    actor: ActorId,
    { name, when, to: { protocol, key, operation }, payload }: Required<ScheduleChange>,
    oldBytes: number | undefined,
  ): ScheduleSummary {
    const { clock, traits: { limits } } = this.#session;
    const nowMs = clock.now();
    const everyMs = "everyMs" in when ? when.everyMs : undefined;
    const dueMs = "at" in when
      ? Math.max(when.at.getTime(), nowMs)
      : timeAfter(nowMs, "afterMs" in when ? when.afterMs : when.everyMs);
    const row: StoredSchedule = {
      actor: { protocol: actor.protocol, key: actor.key },
      name,
      dueMs,
      everyMs,
      to: { protocol, key, operation },
      token: this.#session.nextToken(),
    };
    const value = encodeValue(row, toText(payload));
    const timer = timerKey(actor, name);
    requireFiring(row, { key: timer, value }, limits);
    const by = "at" in when ? undefined : this.#session.setBy();
    const due: StoredDue = { token: row.token, by };
    writeSet.write(timer, value, { oldBytes });
    writeSet.write(scheduleKey(dueMs, actor, name), encodeValue(due, ""));
    writeSet.after(() => this.#session.dueAt(dueMs));
    return { dueMs, repeats: everyMs === undefined ? undefined : true, bytes: value.length };
  }

  /** Removes both rows of a schedule. That it is due, where it is by now, the schedule runner finds to be void. */
  #remove(writeSet: WriteSet, actor: ActorId, name: string, { dueMs, bytes }: ScheduleSummary): void {
    writeSet.remove(timerKey(actor, name), bytes);
    if (dueMs > this.#session.clock.now()) writeSet.remove(scheduleKey(dueMs, actor, name));
  }
}
