import { deadlineAt, namedOperation, Route } from "../../messages/envelope.ts";
import { messageOf, PosthornError } from "../../base/errors.ts";
import type { Entry, StoreLimits } from "../../ports/store.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { isOfStore } from "../../base/store_errors.ts";
import { fits, requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { Timer, Timers } from "../../scheduling/timers.ts";
import type { CronTimes } from "../../turns/cron_times.ts";
import type { DelayedRows } from "../delivery/delayed_rows.ts";
import type { WritingServices } from "../delivery/message_writer.ts";
import { removalOf, type WriteSet } from "../commits/write_set.ts";
import { delayedReceiver, scheduled, scheduleKey, schedulePrefix, timerKey } from "../rows/keys.ts";
import { pages } from "../rows/pages.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { readableHead } from "../rows/readable_head.ts";
import { endOf, nextDueMs, type StoredDue, type StoredSchedule } from "../rows/schedule_row.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";
import { decodeValue, encodeValue, fromText } from "../rows/value_codec.ts";

/** How many due schedules are read together. */
const pageMax = 100;
/** How many schedules are read together after the clock was set back. */
const shiftedAtOnce = 1_000;

/** The services that the schedule runner uses. */
export interface ScheduleRunnerServices extends Omit<WritingServices, "session"> {
  readonly timers: Timers;
  readonly cron: CronTimes;
  readonly delayed: DelayedRows;
}

/** A schedule that is due. */
interface DueSchedule {
  /** Its row in the order of time. */
  readonly due: Entry;
  /** Its own row, and the two halves of that. */
  readonly row: Entry;
  readonly head: StoredSchedule;
  readonly text: string;
}

/**
 * Sends the messages of due schedules. Any instance may: the commit that sends the message removes the row of the due
 * schedule, so one instance wins, and the message is sent once. It may be early or late by the difference of the clocks.
 */
export class ScheduleRunner {
  readonly #session: StoreSession;
  readonly #services: ScheduleRunnerServices;
  #timer: Timer | undefined;
  #dueMs = Infinity;
  readonly #running = new SingleFlight(() => this.#run());
  /** How far the clock was set back when the schedules were moved last. */
  #shiftedMs = 0;
  /** How many delayed messages are on their way to a mailbox, by the key of their owner: they are not counted there yet. */
  readonly #underWay = new Map<string, number>();

  constructor(session: StoreSession, services: ScheduleRunnerServices) {
    this.#session = session;
    this.#services = services;
  }

  /** Sends all that is due, and sets a timer for the next schedule. */
  run(): Promise<void> {
    return this.#running.run();
  }

  async #run(): Promise<void> {
    this.#timer?.cancel();
    this.#dueMs = Infinity;
    await this.#shift();
    const { clock, connection, traits } = this.#session;
    for await (const rows of pages(connection, { prefix: schedulePrefix, limit: pageMax })) {
      const nowMs = clock.now();
      const due = rows.filter(({ key }) => scheduled(key).dueMs <= nowMs);
      // A schedule that cannot be sent now stays, and does not hinder those behind it.
      const sent = await Promise.allSettled(due.map((row) => this.#tryOne(row, nowMs)));
      if (sent.some(({ status }) => status === "rejected")) {
        this.wakeAt(nowMs + traits.heartbeatMs);
      }
      const next = rows[due.length];
      if (next !== undefined) return this.wakeAt(scheduled(next.key).dueMs);
    }
  }

  /** One of which nothing can be made is reported, and stays; rejects if the store does not answer. */
  async #tryOne(due: Entry, nowMs: number): Promise<void> {
    try {
      await this.#fire(due, nowMs);
    } catch (error) {
      if (isOfStore(error)) throw error;
      this.#session.onUnreadable(due.key, error);
    }
  }

  async #fire(due: Entry, nowMs: number): Promise<void> {
    if (this.#waits(due, nowMs)) return this.#wait(nowMs);
    const found = await this.#read(due);
    if (found === undefined) return await this.#commit(due, removalOf(due)); // it was cancelled or set anew
    if (found.head.delayed === undefined) return await this.#sendOrGiveUp(found, nowMs);
    if (this.#waits(due, nowMs)) return this.#wait(nowMs); // others have come meanwhile
    const { key } = scheduled(due.key).actor;
    const underWay = this.#underWay;
    underWay.set(key, (underWay.get(key) ?? 0) + 1);
    try {
      await this.#sendOrGiveUp(found, nowMs);
    } finally {
      const left = underWay.get(key)! - 1;
      if (left > 0) underWay.set(key, left);
      else underWay.delete(key);
    }
  }

  async #sendOrGiveUp(found: DueSchedule, nowMs: number): Promise<void> {
    let writeSet = removalOf(found.due);
    try {
      if (found.head.cron !== undefined) await this.#services.cron.load();
      this.#send(writeSet, found, nowMs);
      requireFits(nameOfMessage(found), sizeOfCommit(writeSet, this.#limits), this.#limits);
    } catch (error) {
      this.#session.probes?.reach("a schedule cannot be sent");
      writeSet = this.#giveUp(found, error);
    }
    await this.#commit(found.due, writeSet, found);
  }

  async #commit(due: Entry, writeSet: WriteSet, found?: DueSchedule): Promise<void> {
    const { actor, name } = scheduled(due.key);
    const what = `the schedule ${name} of ${actor.protocol}/${actor.key}`;
    const committed = await commitKnown(this.#session, writeSet, what);
    if (committed === undefined) return this.#session.probes?.reach("another sent what is due");
    if (found?.head.delayed !== undefined) this.#services.delayed.sent(found.row.value.length);
    writeSet.land(this.#services.committedDelivery, committed, this.#session.nextReadEpoch());
  }

  #wait(nowMs: number): void {
    this.#session.probes?.reach("a delayed message waits for room");
    this.wakeAt(nowMs + this.#session.traits.heartbeatMs);
  }

  /**
   * The schedule that is due; nothing if its row is not the one that was set for this time. A schedule that cannot be
   * read never fires, and the others do; its timer stays until it is cancelled or set anew.
   */
  async #read(due: Entry): Promise<DueSchedule | undefined> {
    const { actor, name } = scheduled(due.key);
    const [row] = await this.#session.connection.read([timerKey(actor, name)]);
    try {
      const { token } = decodeValue<StoredDue>(due.value).head;
      if (row === undefined) return undefined;
      const { head, text } = decodeValue<StoredSchedule>(row.value);
      return head.token === token ? { due, row, head, text } : undefined;
    } catch (error) {
      this.#session.onUnreadable(row?.key ?? due.key, error);
      return undefined;
    }
  }

  /** Whether a delayed message waits for longer, because there is no room for it now. It was accepted, and is not lost. */
  #waits({ key, value }: Entry, nowMs: number): boolean {
    const { actor } = scheduled(key);
    const to = delayedReceiver(actor);
    const underWay = this.#underWay.get(actor.key) ?? 0;
    if (to === undefined || !this.#services.writer.isFull(to, underWay)) return false;
    return (readableHead<StoredDue>(value)?.endMs ?? Infinity) > nowMs;
  }

  #send(writeSet: WriteSet, schedule: DueSchedule, nowMs: number): void {
    const { row, head, text } = schedule;
    const next = nextDueMs(head, nowMs, this.#services.cron);
    if (next === undefined) writeSet.removeIfUnchanged(row, row.value.length);
    else {
      this.#plan(writeSet, schedule, next);
      writeSet.after(() => this.wakeAt(next));
    }
    this.#services.writer.post(writeSet, head.to, routeOf(schedule), fromText(text), head.delayed?.from);
  }

  /** Writes both rows of a schedule with another time, if its own is still as it was read. */
  #plan(writeSet: WriteSet, { row, head, text }: DueSchedule, dueMs: number): void {
    writeSet.checks.push({ key: row.key, version: row.version });
    const due: StoredDue = {
      token: head.token,
      by: head.cron === undefined ? this.#session.setBy() : undefined,
      endMs: endOf(head, dueMs),
    };
    writeSet.write(row.key, encodeValue({ ...head, dueMs }, text), { oldBytes: row.value.length });
    writeSet.write(scheduleKey(dueMs, head.actor, head.name), encodeValue(due, ""));
  }

  /** Ends a schedule whose message cannot be made, or fits no commit, with a dead letter. */
  #giveUp(schedule: DueSchedule, error: unknown): WriteSet {
    const { due, row, head: { to, name, delayed }, text } = schedule;
    const route = routeOf(schedule);
    const id = nameOfMessage(schedule);
    const reason = error instanceof PosthornError ? error.code : "failed";
    const what = delayed === undefined ? `its schedule ${name}` : "it was delayed, and";
    const why = `${what} cannot be sent: ${messageOf(error)}`;
    const letter = (kept: string) => {
      const writeSet = removalOf(due);
      writeSet.removeIfUnchanged(row, row.value.length);
      const message = { to, route, payload: fromText(kept), id };
      this.#services.writer.undelivered(writeSet, message, { text: kept, reason, why });
      return writeSet;
    };
    try {
      const writeSet = letter(text);
      if (fits(sizeOfCommit(writeSet, this.#limits), this.#limits)) return writeSet;
    } catch {
      // its payload cannot be read
    }
    return letter("");
  }

  /**
   * Moves schedules with a delay after the clock was set back. Those that this instance set are due so much earlier by the
   * new time; those that ended instances set at a time that is still to come are due after their delay from now. Schedules
   * for a time of day stay.
   */
  async #shift(): Promise<void> {
    const { backMs } = this.#session.clockSteps;
    if (backMs <= this.#shiftedMs) { // forward: what was set before comes earlier, and what is set now at its time
      this.#shiftedMs = backMs;
      return;
    }
    this.#session.probes?.reach("the clock was set back under schedules");
    let all = true;
    const range = { prefix: schedulePrefix, limit: shiftedAtOnce };
    for await (const rows of pages(this.#session.connection, range)) {
      const shifted = await Promise.allSettled(rows.map((row) => this.#shiftOne(row)));
      all &&= shifted.every(({ status }) => status === "fulfilled");
    }
    if (all) this.#shiftedMs = backMs;
  }

  /** Moves one. A row that cannot be read is reported, and stays; rejects if the store does not answer. */
  async #shiftOne(due: Entry): Promise<void> {
    let { key } = due;
    try {
      const { by } = decodeValue<StoredDue>(due.value).head;
      const lateMs = by === undefined ? 0 : this.#session.lateMs(by);
      if (lateMs <= 0) return;
      const found = await this.#read(due);
      if (found === undefined) return;
      key = found.row.key;
      const dueMs = found.head.dueMs - lateMs;
      if (Number.isNaN(dueMs)) throw new TypeError("its time is no number");
      const writeSet = removalOf(due);
      this.#plan(writeSet, found, dueMs);
      await commitOne(this.#session.committer, writeSet);
    } catch (error) {
      if (isOfStore(error)) throw error; // the next run tries again
      this.#session.onUnreadable(key, error);
    }
  }

  get #limits(): StoreLimits {
    return this.#session.traits.limits;
  }

  /** A schedule is due then: sends it at that time. */
  wakeAt(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#timer?.cancel();
    this.#timer = this.#services.timers.set(Math.max(dueMs - this.#session.clock.now(), 0), () => {
      this.#dueMs = Infinity;
      this.#running.wake().catch(() =>
        this.wakeAt(this.#session.clock.now() + this.#session.traits.heartbeatMs)
      );
    });
  }
}

/** The route of the message of a due schedule. That of a delayed message is as its sender made it. */
function routeOf(schedule: DueSchedule): Route {
  const { to, dueMs, delayed } = schedule.head;
  const id = nameOfMessage(schedule);
  if (delayed === undefined) {
    return new Route(namedOperation(to), undefined, undefined, undefined, undefined, { id });
  }
  const { head, timeoutMs, scope } = delayed;
  const { causationId, correlationId, replyTo, failTo, headers, caller, mark } = head;
  const deadline = timeoutMs === undefined ? undefined : deadlineAt(dueMs + timeoutMs);
  const extras = { id, failTo, headers, caller, scope, mark };
  return new Route(namedOperation(to), causationId, correlationId, replyTo, deadline, extras);
}

/** The id of the message of a due schedule: the same on every instance, and of no other message. */
function nameOfMessage({ due, head: { actor: { protocol, key }, name, delayed } }: DueSchedule): string {
  if (delayed !== undefined) return delayed.head.id;
  return `${protocol}/${key}/${encodeURIComponent(name)}/${scheduled(due.key).dueMs}`;
}
