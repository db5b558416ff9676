import type { ActorId } from "../address.ts";
import { Route } from "../envelope.ts";
import type { Timer, Timers } from "../timers.ts";
import { type Dispatch, namedOperation } from "./dispatch.ts";
import { Effects } from "./effects.ts";
import { scheduled, scheduleKey, schedulePrefix, timerKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import { nextDueMs, type StoredDue, type StoredSchedule } from "./schedule_row.ts";
import { commitKnown } from "./single_commission.ts";
import { decodeValue, encodeValue, fromText } from "./stored_value.ts";
import type { Stored } from "../store.ts";

/** How many due schedules are looked at together. */
const pageMax = 100;

/** What the alarm needs of the others. */
export interface AlarmServices {
  readonly timers: Timers;
  readonly dispatch: Dispatch;
  /** A commit wrote messages. */
  handOver(arrivals: Effects["arrivals"], version: string, senderMoment: number): void;
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
    for (;;) {
      const nowMs = this.#ledger.clock.now();
      const rows = await this.#ledger.connection.list({ prefix: schedulePrefix, limit: pageMax });
      const due = rows.filter(({ key }) => scheduled(key).dueMs <= nowMs);
      await Promise.all(due.map((row) => this.#fire(row, nowMs)));
      if (due.length < pageMax) {
        const next = rows[due.length];
        if (next !== undefined) this.#wakeAt(scheduled(next.key).dueMs);
        return;
      }
    }
  }

  async #fire({ key, version, value }: Stored, nowMs: number): Promise<void> {
    const { actor, name, dueMs } = scheduled(key);
    const [row] = await this.#ledger.connection.read([timerKey(actor, name)]);
    const effects = new Effects();
    effects.checks.push({ key, version });
    effects.remove(key);
    const { token } = decodeValue<StoredDue>(value).head;
    const found = row && decodeValue<StoredSchedule>(row.value);
    if (row !== undefined && found?.head.token === token) { // else it was cancelled, or set anew
      effects.checks.push({ key: row.key, version: row.version });
      this.#send(effects, found.head, row, found.text, dueMs, nowMs);
    }
    const committed = await commitKnown(this.#ledger, effects, `the schedule ${name} of ${nameOf(actor)}`);
    if (committed === undefined) this.#ledger.probes?.reach("another sent what is due");
    else {
      effects.follow();
      this.#services.handOver(effects.arrivals, committed, this.#ledger.nextMoment());
    }
  }

  #send(
    effects: Effects,
    schedule: StoredSchedule,
    row: Stored,
    text: string,
    dueMs: number,
    nowMs: number,
  ): void {
    const { actor, name, everyMs, to } = schedule;
    if (everyMs === undefined) {
      effects.remove(row.key, row.value.length);
    } else {
      const next = nextDueMs(dueMs, everyMs, nowMs);
      effects.write(row.key, encodeValue({ ...schedule, dueMs: next }, text), { oldBytes: row.value.length });
      effects.write(scheduleKey(next, actor, name), encodeValue({ token: schedule.token }, ""));
      effects.after(() => this.#wakeAt(next));
    }
    const id = `${nameOf(actor)}/${encodeURIComponent(name)}/${dueMs}`;
    const route = new Route(namedOperation(to), undefined, undefined, undefined, undefined, { id });
    this.#services.dispatch.post(effects, to, route, fromText(text));
  }

  #wakeAt(dueMs: number): void {
    if (dueMs >= this.#dueMs) return;
    this.#dueMs = dueMs;
    this.#timer?.cancel();
    this.#timer = this.#services.timers.set(Math.max(dueMs - this.#ledger.clock.now(), 0), () => {
      this.#dueMs = Infinity;
      this.ring().catch(() => this.#wakeAt(this.#ledger.clock.now() + this.#ledger.traits.beatMs));
    });
  }
}

function nameOf({ protocol, key }: ActorId): string {
  return `${protocol}/${key}`;
}
