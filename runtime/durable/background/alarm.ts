import { Route } from "../../messages/envelope.ts";
import { messageOf, PosthornError } from "../../base/errors.ts";
import type { Entry, StoreLimits } from "../../ports/store.ts";
import { isOfStore } from "../../base/store_errors.ts";
import { fits, requireFits, weigh } from "../../ports/store_weight.ts";
import type { Timer, Timers } from "../../scheduling/timers.ts";
import { type Dispatch, namedOperation } from "../delivery/dispatch.ts";
import { Effects, type Landing } from "../commits/effects.ts";
import { scheduled, scheduleKey, schedulePrefix, timerKey } from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import { nextDueMs, type StoredDue, type StoredSchedule } from "../rows/schedule_row.ts";
import { commitKnown, commitOne } from "../commits/single_commission.ts";
import { decodeValue, encodeValue, fromText } from "../rows/stored_value.ts";

/** How many due schedules are looked at together. */
const pageMax = 100;
/** How many are looked at together where the clock was set back. */
const shiftedAtOnce = 1_000;

/** What the alarm needs of the others. */
export interface AlarmServices {
  readonly timers: Timers;
  readonly dispatch: Dispatch;
  /** Takes in what commits bring to this process. */
  readonly landing: Landing;
}

/**
 * Sends what is due. Any instance may: the row of a due schedule is removed with the commit that sends its message, so
 * one wins, and the message is in its mailbox once. It may come early or late by what the clocks differ.
 */
export class Alarm {
  readonly #ledger: Ledger;
  readonly #services: AlarmServices;
  #timer: Timer | undefined;
  #dueMs = Infinity;
  #ringing: Promise<void> | undefined;
  /** How far the clock had been set back when all that this instance had set was moved. */
  #shiftedMs = 0;

  constructor(ledger: Ledger, services: AlarmServices) {
    this.#ledger = ledger;
    this.#services = services;
    ledger.onDue = (dueMs) => this.#wakeAt(dueMs);
  }

  /** Sends all that is due by now, and sets a timer for what is next. */
  ring(): Promise<void> {
    return this.#ringing ??= this.#ring().finally(() => this.#ringing = undefined);
  }

  async #ring(): Promise<void> {
    this.#timer?.cancel();
    this.#dueMs = Infinity;
    await this.#shift();
    let after: string | undefined;
    for (;;) {
      const nowMs = this.#ledger.clock.now();
      const rows = await this.#ledger.connection.list({ prefix: schedulePrefix, after, limit: pageMax });
      const due = rows.filter(({ key }) => scheduled(key).dueMs <= nowMs);
      // One that cannot be sent now stays, and stands in the way of none behind it.
      const sent = await Promise.allSettled(due.map((row) => this.#fire(row, nowMs)));
      if (sent.some(({ status }) => status === "rejected")) {
        this.#wakeAt(nowMs + this.#ledger.traits.heartbeatMs);
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
    const [row] = await this.#ledger.connection.read([timerKey(actor, name)]);
    let effects = voided(due);
    const found = this.#readable(due, row);
    if (row !== undefined && found !== undefined) { // else it was cancelled, or set anew
      try {
        this.#send(effects, found.head, row, found.text, due.key, nowMs);
        requireFits(nameOfMessage(found.head, due.key), weigh(effects, this.#limits), this.#limits);
      } catch (error) {
        this.#ledger.probes?.reach("a schedule cannot be sent");
        effects = this.#giveUp(due, found.head, row, found.text, error);
      }
    }
    const committed = await commitKnown(
      this.#ledger,
      effects,
      `the schedule ${name} of ${actor.protocol}/${actor.key}`,
    );
    if (committed === undefined) this.#ledger.probes?.reach("another sent what is due");
    else effects.land(this.#services.landing, committed, this.#ledger.nextMoment());
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
      this.#ledger.onUnreadable(row?.key ?? due.key, error);
      return undefined;
    }
  }

  #send(
    effects: Effects,
    schedule: StoredSchedule,
    row: Entry,
    text: string,
    dueKey: string,
    nowMs: number,
  ): void {
    const { everyMs, to, dueMs } = schedule;
    effects.checks.push({ key: row.key, version: row.version });
    if (everyMs === undefined) effects.remove(row.key, row.value.length);
    else {
      const next = nextDueMs(dueMs, everyMs, nowMs);
      this.#plan(effects, schedule, row, text, next);
      effects.after(() => this.#wakeAt(next));
    }
    const id = nameOfMessage(schedule, dueKey);
    const route = new Route(namedOperation(to), undefined, undefined, undefined, undefined, { id });
    this.#services.dispatch.post(effects, to, route, fromText(text));
  }

  /** Writes both rows of a schedule with another time. */
  #plan(effects: Effects, schedule: StoredSchedule, row: Entry, text: string, dueMs: number): void {
    const due: StoredDue = { token: schedule.token, by: this.#ledger.setBy() };
    effects.write(row.key, encodeValue({ ...schedule, dueMs }, text), { oldBytes: row.value.length });
    effects.write(scheduleKey(dueMs, schedule.actor, schedule.name), encodeValue(due, ""));
  }

  /** A schedule whose message cannot be made, or which no commit can take, is a dead letter, and is over. */
  #giveUp(due: Entry, schedule: StoredSchedule, row: Entry, text: string, error: unknown): Effects {
    const route = new Route(namedOperation(schedule.to));
    const id = nameOfMessage(schedule, due.key);
    const reason = error instanceof PosthornError ? error.code : "failed";
    const why = `its schedule ${schedule.name} cannot be sent: ${messageOf(error)}`;
    const letter = (kept: string) => {
      const effects = voided(due);
      effects.checks.push({ key: row.key, version: row.version });
      effects.remove(row.key, row.value.length);
      this.#services.dispatch.giveUp(effects, schedule.to, route, { id, text: kept, reason, why });
      return effects;
    };
    try {
      const effects = letter(text);
      if (fits(weigh(effects, this.#limits), this.#limits)) return effects;
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
    const { backMs } = this.#ledger.clockSteps;
    if (backMs === this.#shiftedMs) return;
    this.#ledger.probes?.reach("the clock was set back under schedules");
    let after: string | undefined;
    let all = true;
    for (;;) {
      const rows = await this.#ledger.connection.list({
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
      const lateMs = by === undefined ? 0 : this.#ledger.lateMs(by);
      if (lateMs <= 0) return;
      const { actor, name } = scheduled(key);
      const [row] = await this.#ledger.connection.read([timerKey(actor, name)]);
      if (row === undefined) return;
      key = row.key;
      const { head, text } = decodeValue<StoredSchedule>(row.value);
      if (head.token !== token) return;
      const dueMs = head.dueMs - lateMs;
      if (Number.isNaN(dueMs)) throw new TypeError("its time is no number");
      const effects = voided(due);
      effects.checks.push({ key, version: row.version });
      this.#plan(effects, head, row, text, dueMs);
      await commitOne(this.#ledger.committer, effects);
    } catch (error) {
      if (isOfStore(error)) throw error; // the next time it may
      this.#ledger.onUnreadable(key, error);
    }
  }

  get #limits(): StoreLimits {
    return this.#ledger.traits.limits;
  }

  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#timer?.cancel();
    this.#timer = this.#services.timers.set(Math.max(dueMs - this.#ledger.clock.now(), 0), () => {
      this.#dueMs = Infinity;
      const ringing = this.#ringing; // it may have passed by what is due now
      const rung = ringing === undefined ? this.ring() : ringing.then(() => this.ring());
      rung.catch(() => this.#wakeAt(this.#ledger.clock.now() + this.#ledger.traits.heartbeatMs));
    });
  }
}

/** That a row in the order of time is as it was read, and goes. */
function voided({ key, version }: Entry): Effects {
  const effects = new Effects();
  effects.checks.push({ key, version });
  effects.remove(key);
  return effects;
}

/** The id of the message that a schedule sends when it is due: always the same, and of no other. */
function nameOfMessage({ actor: { protocol, key }, name }: StoredSchedule, dueKey: string): string {
  return `${protocol}/${key}/${encodeURIComponent(name)}/${scheduled(dueKey).dueMs}`;
}
