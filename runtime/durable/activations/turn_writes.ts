import type { ActorId } from "../../language/address.ts";
import { isReplyTarget, type Route } from "../../messages/envelope.ts";
import { Topic } from "../../messages/builtin_protocols.ts";
import { parse } from "../../language/parse.ts";
import type { CronTimes } from "../../turns/cron_times.ts";
import { firstDueMs, isIfAbsent, printOf, repeats } from "../../turns/schedule_time.ts";
import {
  isSet,
  needsCron,
  type ScheduleChange,
  schedulesMax,
  type SetSchedule,
} from "../../turns/schedules.ts";
import type { Batch } from "./batch.ts";
import type { ScheduleRunner } from "../background/schedule_runner.ts";
import type { MessageWriter } from "../delivery/message_writer.ts";
import { Turn } from "../../turns/turn.ts";
import { WriteSet } from "../commits/write_set.ts";
import type { DurableActivation } from "./durable_activation.ts";
import { scheduleKey, timerKey, timerPrefix } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { MessageHeader, QueuedMessage } from "../rows/queued_message.ts";
import {
  namesToRead,
  readTimers,
  requireFiring,
  requireRoom,
  type ScheduleSummaries,
  type ScheduleSummary,
  type StoredDue,
  type StoredSchedule,
  summariesOf,
  type TimerRows,
} from "../rows/schedule_row.ts";
import { topicsOf } from "../rows/topics_of.ts";
import { encodeValue, fromText, toText } from "../rows/value_codec.ts";

const noTimers: TimerRows = new Map();

/** A turn of a durable actor. The runtime's own actors may write more than their state, and read rows. */
export class DurableTurn extends Turn {
  declare readonly actor: DurableActivation;
  /** Its message as the mailbox has it, and the payload that its handler gets. */
  readonly mail: QueuedMessage;
  readonly value: unknown;
  /** Whether it is the first turn since its actor came into this process, or was restarted. */
  readonly isFirst: boolean;
  /** The first position of its message: no other message of the actor ever had it. */
  readonly place: string;
  /** Whether its message stays at the head, for another turn. */
  again = false;
  private ownRows: WriteSet | undefined = undefined;

  constructor(
    actor: DurableActivation,
    route: Route,
    state: unknown,
    mail: QueuedMessage,
    value: unknown,
  ) {
    super(actor, route, state);
    this.isFirst = !actor.active;
    this.mail = mail;
    this.value = value;
    this.place = mail.head.firstPlace ?? mail.place;
  }

  override get acceptedMs(): number | undefined {
    return this.mail.acceptedMs;
  }

  /** What it writes with its commit, besides its state and messages. */
  get rows(): WriteSet {
    return this.ownRows ??= new WriteSet();
  }

  /** Its message as the cause of its reply. */
  get causeOfReply(): MessageHeader {
    const { head } = this.mail;
    return this.added === undefined ? head : { ...head, headers: this.causedHeaders };
  }

  /** The store that its actor is in. */
  get session(): StoreSession {
    return this.actor.durable.session;
  }
}

/** Turns what a turn does into writes of its commit. */
export class TurnWrites {
  readonly #session: StoreSession;
  readonly #writer: MessageWriter;
  readonly #scheduleRunner: ScheduleRunner;
  readonly #cron: CronTimes;

  constructor(session: StoreSession, writer: MessageWriter, scheduleRunner: ScheduleRunner, cron: CronTimes) {
    this.#session = session;
    this.#writer = writer;
    this.#scheduleRunner = scheduleRunner;
    this.#cron = cron;
  }

  /** The writes of a turn. Throws if its reply does not fit the schema, or a payload cannot be stored. */
  of(turn: DurableTurn, result: unknown): WriteSet {
    const writeSet = turn.rows;
    for (const { to, route, payload } of turn.outgoing) {
      this.#writer.post(writeSet, to, route, payload, turn.actor);
    }
    const { operation, replyTo } = turn.route;
    const { mode } = operation;
    if (replyTo === undefined) return writeSet;
    if (mode === "tell" || (result === undefined && mode === "survey")) {
      const { protocol, key } = turn.actor;
      this.#writer.pass(writeSet, { protocol, key, operation: operation.name }, turn.mail.head);
      return writeSet;
    }
    if (turn.opened(result) !== undefined) return writeSet; // `LaterRows` has written what that means
    const reply = operation.repliesUnchecked
      ? result
      : parse(operation.reply, result, "Cannot reply to", turn);
    if (isReplyTarget(replyTo)) writeSet.after(() => replyTo.reply(reply, result));
    else this.#writer.answer(writeSet, replyTo, result, turn.causeOfReply);
    return writeSet;
  }

  /** Reads the rows that a turn's changes of schedules depend on, and loads what reads cron expressions; mostly neither. */
  timersFor(
    actor: ActorId,
    { schedules, committedSchedules }: Batch,
    changes: readonly ScheduleChange[],
  ): TimerRows | Promise<TimerRows> {
    const { clock, connection } = this.#session;
    const names = namesToRead(schedules, committedSchedules, changes, clock.now());
    const rows = names.length === 0 ? noTimers : readTimers(connection, actor, names);
    if (this.#cron.loaded || !needsCron(changes)) return rows;
    return Promise.all([rows, this.#cron.load()]).then(([rows]) => rows);
  }

  /**
   * Writes changes of schedules, and returns the schedules of the actor after them. `rows` are those of
   * {@linkcode timersFor}. A schedule that repeats and is set again as it is goes on. Throws if there would be too many
   * schedules, or if one could never fire, and then it has written nothing.
   */
  schedule(
    writeSet: WriteSet,
    actor: ActorId,
    plans: ScheduleSummaries,
    changes: readonly ScheduleChange[],
    rows: TimerRows,
  ): ScheduleSummaries {
    const all = new Map(Object.entries(plans));
    const writes: (() => void)[] = [];
    for (const [name, row] of rows) row === undefined ? all.delete(name) : all.set(name, row.summary);
    for (const change of changes) {
      const { name } = change;
      const before = all.get(name);
      if (before !== undefined && isSet(change) && staysAs(before, change)) {
        const row = rows.get(name);
        // It must not fire meanwhile, or nothing would come after this turn.
        if (row?.summary === before) {
          writes.push(() => writeSet.checks.push({ key: timerKey(actor, name), version: row.version }));
        }
        continue;
      }
      if (before !== undefined) writes.push(() => this.#remove(writeSet, actor, name, before));
      all.delete(name);
      if (!isSet(change)) continue;
      const { summary, write } = this.#draft(actor, change, before?.bytes);
      all.set(name, summary);
      writes.push(() => write(writeSet));
    }
    requireRoom(all.size, actor);
    for (const write of writes) write();
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

  /** A schedule that can be written. Throws if it could never fire. */
  #draft(
    actor: ActorId,
    { name, when, to: { protocol, key, operation }, payload }: SetSchedule,
    oldBytes: number | undefined,
  ): { readonly summary: ScheduleSummary; readonly write: (writeSet: WriteSet) => void } {
    const { clock, traits: { limits } } = this.#session;
    const dueMs = firstDueMs(name, when, clock.now(), this.#cron);
    const text = toText(payload);
    const row: StoredSchedule = {
      actor: { protocol: actor.protocol, key: actor.key },
      name,
      dueMs,
      everyMs: "everyMs" in when ? when.everyMs : undefined,
      cron: "cron" in when ? when.cron : undefined,
      timeZone: when.timeZone,
      to: { protocol, key, operation },
      token: this.#session.nextToken(),
    };
    const value = encodeValue(row, text);
    const timer = timerKey(actor, name);
    requireFiring(row, { key: timer, value }, limits);
    const by = "at" in when || "cron" in when ? undefined : this.#session.setBy();
    const due: StoredDue = { token: row.token, by };
    const write = (writeSet: WriteSet) => {
      writeSet.write(timer, value, { oldBytes });
      writeSet.write(scheduleKey(dueMs, actor, name), encodeValue(due, ""));
      writeSet.after(() => this.#scheduleRunner.wakeAt(dueMs));
    };
    const { length: bytes } = value;
    const summary = repeats(when)
      ? { dueMs, repeats: true as const, print: printOf(when, row.to, fromText(text)), bytes }
      : { dueMs, bytes };
    return { summary, write };
  }

  /** Removes both rows of a schedule. If it is due already, the schedule runner removes the row in the order of time. */
  #remove(writeSet: WriteSet, actor: ActorId, name: string, { dueMs, bytes }: ScheduleSummary): void {
    writeSet.remove(timerKey(actor, name), bytes);
    if (dueMs > this.#session.clock.now()) writeSet.remove(scheduleKey(dueMs, actor, name));
  }
}

/** Whether a schedule stays although one of its name is set. */
function staysAs(before: ScheduleSummary, { when, to, payload }: SetSchedule): boolean {
  if (!repeats(when)) return isIfAbsent(when);
  return before.print !== undefined && before.print === printOf(when, to, fromText(toText(payload)));
}
