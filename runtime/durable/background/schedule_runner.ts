import { namedOperation, Route } from "../../messages/envelope.ts";
import { messageOf, PosthornError } from "../../base/errors.ts";
import type { Entry, StoreLimits } from "../../ports/store.ts";
import { SingleFlight } from "../../base/single_flight.ts";
import { isOfStore } from "../../base/store_errors.ts";
import { fits, requireFits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { Timer, Timers } from "../../scheduling/timers.ts";
import type { MessageWriter } from "../delivery/message_writer.ts";
import { type CommittedDelivery, WriteSet } from "../commits/write_set.ts";
import { scheduled, scheduleKey, schedulePrefix, timerKey } from "../rows/keys.ts";
import type { StoreSession } from "../commits/store_session.ts";
import { nextDueMs, type StoredDue, type StoredSchedule } from "../rows/schedule_row.ts";
import { commitKnown, commitOne } from "../commits/commit_one.ts";
import { decodeValue, encodeValue, fromText } from "../rows/value_codec.ts";

/** How many due schedules are looked at together. */
const pageMax = 100;
/** How many are looked at together where the clock was set back. */
const shiftedAtOnce = 1_000;

/** What the schedule runner needs of the others. */
export interface ScheduleRunnerServices {
  readonly timers: Timers;
  readonly writer: MessageWriter;
  /** Takes in what commits bring to this process. */
  readonly committedDelivery: CommittedDelivery;
}

/**
 * Sends what is due. Any instance may: the row of a due schedule is removed with the commit that sends its message, so
 * one wins, and the message is in its mailbox once. It may come early or late by what the clocks differ.
 */
export class ScheduleRunner {
  readonly #session: StoreSession;
  readonly #services: ScheduleRunnerServices;
  #timer: Timer | undefined;
  #dueMs = Infinity;
  readonly #running = new SingleFlight(() => this.#run());
  /** How far the clock had been set back when all that this instance had set was moved. */
  #shiftedMs = 0;

  constructor(session: StoreSession, services: ScheduleRunnerServices) {
    this.#session = session;
    this.#services = services;
    session.onDue = (dueMs) => this.#wakeAt(dueMs);
  }

  /** Sends all that is due by now, and sets a timer for what is next. */
  run(): Promise<void> {
    return this.#running.run();
  }

  async #run(): Promise<void> {
    this.#timer?.cancel();
    this.#dueMs = Infinity;
    await this.#shift();
    let after: string | undefined;
    for (;;) {
      const nowMs = this.#session.clock.now();
      const rows = await this.#session.connection.list({ prefix: schedulePrefix, after, limit: pageMax });
      const due = rows.filter(({ key }) => scheduled(key).dueMs <= nowMs);
      // One that cannot be sent now stays, and stands in the way of none behind it.
      const sent = await Promise.allSettled(due.map((row) => this.#fire(row, nowMs)));
      if (sent.some(({ status }) => status === "rejected")) {
        this.#wakeAt(nowMs + this.#session.traits.heartbeatMs);
      }
      if (due.length < pageMax) {
        const next = rows[due.length];
        if (next !== undefined) this.#wakeAt(scheduled(next.key).dueMs);
        return;
      }
      after = rows.at(-1)!.key;
    }
  }

  async #fire(due: Entry, nowMs: number): Promise<void> {
    const { actor, name } = scheduled(due.key);
    const [row] = await this.#session.connection.read([timerKey(actor, name)]);
    let writeSet = voided(due);
    const found = this.#readable(due, row);
    if (row !== undefined && found !== undefined) { // else it was cancelled, or set anew
      try {
        this.#send(writeSet, found.head, row, found.text, due.key, nowMs);
        requireFits(nameOfMessage(found.head, due.key), sizeOfCommit(writeSet, this.#limits), this.#limits);
      } catch (error) {
        this.#session.probes?.reach("a schedule cannot be sent");
        writeSet = this.#giveUp(due, found.head, row, found.text, error);
      }
    }
    const committed = await commitKnown(
      this.#session,
      writeSet,
      `the schedule ${name} of ${actor.protocol}/${actor.key}`,
    );
    if (committed === undefined) this.#session.probes?.reach("another sent what is due");
    else writeSet.land(this.#services.committedDelivery, committed, this.#session.nextReadEpoch());
  }

  /**
   * The schedule that is due, as it is in its row; nothing where that is not the one which was set for this time. One that
   * cannot be read never fires, and the others do; its timer stays until it is cancelled or set anew.
   */
  #readable(due: Entry, row: Entry | undefined): { head: StoredSchedule; text: string } | undefined {
    try {
      const { token } = decodeValue<StoredDue>(due.value).head;
      const found = row && decodeValue<StoredSchedule>(row.value);
      return found?.head.token === token ? found : undefined;
    } catch (error) {
      this.#session.onUnreadable(row?.key ?? due.key, error);
      return undefined;
    }
  }

  #send(
    writeSet: WriteSet,
    schedule: StoredSchedule,
    row: Entry,
    text: string,
    dueKey: string,
    nowMs: number,
  ): void {
    const { everyMs, to, dueMs } = schedule;
    if (everyMs === undefined) writeSet.removeIfUnchanged(row, row.value.length);
    else {
      const next = nextDueMs(dueMs, everyMs, nowMs);
      this.#plan(writeSet, schedule, row, text, next);
      writeSet.after(() => this.#wakeAt(next));
    }
    const id = nameOfMessage(schedule, dueKey);
    const route = new Route(namedOperation(to), undefined, undefined, undefined, undefined, { id });
    this.#services.writer.post(writeSet, to, route, fromText(text));
  }

  /** Writes both rows of a schedule with another time, if its own is still as it was read. */
  #plan(writeSet: WriteSet, schedule: StoredSchedule, row: Entry, text: string, dueMs: number): void {
    writeSet.checks.push({ key: row.key, version: row.version });
    const due: StoredDue = { token: schedule.token, by: this.#session.setBy() };
    writeSet.write(row.key, encodeValue({ ...schedule, dueMs }, text), { oldBytes: row.value.length });
    writeSet.write(scheduleKey(dueMs, schedule.actor, schedule.name), encodeValue(due, ""));
  }

  /** A schedule whose message cannot be made, or which no commit can take, is a dead letter, and is over. */
  #giveUp(due: Entry, schedule: StoredSchedule, row: Entry, text: string, error: unknown): WriteSet {
    const route = new Route(namedOperation(schedule.to));
    const id = nameOfMessage(schedule, due.key);
    const reason = error instanceof PosthornError ? error.code : "failed";
    const why = `its schedule ${schedule.name} cannot be sent: ${messageOf(error)}`;
    const letter = (kept: string) => {
      const writeSet = voided(due);
      writeSet.removeIfUnchanged(row, row.value.length);
      const message = { to: schedule.to, route, payload: fromText(kept), id };
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
   * The clock was set back: what this instance has set before is due so much earlier by it, and what others set that live
   * no longer, at a time that is still to come, in as long as it was meant to take. What is due at a time of day stays.
   */
  async #shift(): Promise<void> {
    const { backMs } = this.#session.clockSteps;
    if (backMs === this.#shiftedMs) return;
    this.#session.probes?.reach("the clock was set back under schedules");
    let after: string | undefined;
    let all = true;
    for (;;) {
      const rows = await this.#session.connection.list({
        prefix: schedulePrefix,
        after,
        limit: shiftedAtOnce,
      });
      const shifted = await Promise.allSettled(rows.map((row) => this.#shiftOne(row)));
      all &&= shifted.every(({ status }) => status === "fulfilled");
      if (rows.length < shiftedAtOnce) break;
      after = rows.at(-1)!.key;
    }
    if (all) this.#shiftedMs = backMs;
  }

  /** Moves one. What cannot be read is told, and stays; rejects where the store does not answer. */
  async #shiftOne(due: Entry): Promise<void> {
    let { key } = due;
    try {
      const { token, by } = decodeValue<StoredDue>(due.value).head;
      const lateMs = by === undefined ? 0 : this.#session.lateMs(by);
      if (lateMs <= 0) return;
      const { actor, name } = scheduled(key);
      const [row] = await this.#session.connection.read([timerKey(actor, name)]);
      if (row === undefined) return;
      key = row.key;
      const { head, text } = decodeValue<StoredSchedule>(row.value);
      if (head.token !== token) return;
      const dueMs = head.dueMs - lateMs;
      if (Number.isNaN(dueMs)) throw new TypeError("its time is no number");
      const writeSet = voided(due);
      this.#plan(writeSet, head, row, text, dueMs);
      await commitOne(this.#session.committer, writeSet);
    } catch (error) {
      if (isOfStore(error)) throw error; // the next time it may
      this.#session.onUnreadable(key, error);
    }
  }

  get #limits(): StoreLimits {
    return this.#session.traits.limits;
  }

  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#timer?.cancel();
    this.#timer = this.#services.timers.set(Math.max(dueMs - this.#session.clock.now(), 0), () => {
      this.#dueMs = Infinity;
      this.#running.wake().catch(() =>
        this.#wakeAt(this.#session.clock.now() + this.#session.traits.heartbeatMs)
      );
    });
  }
}

/** That a row in the order of time is as it was read, and goes. */
function voided(due: Entry): WriteSet {
  const writeSet = new WriteSet();
  writeSet.removeIfUnchanged(due);
  return writeSet;
}

/** The id of the message that a schedule sends when it is due: always the same, and of no other. */
function nameOfMessage({ actor: { protocol, key }, name }: StoredSchedule, dueKey: string): string {
  return `${protocol}/${key}/${encodeURIComponent(name)}/${scheduled(dueKey).dueMs}`;
}
