import type { ActorId } from "../../language/address.ts";
import { isAsker } from "../../messages/envelope.ts";
import { Topic } from "../../messages/modes.ts";
import { parse } from "../../language/schema.ts";
import { type ScheduleChange, schedulesMax } from "../../turns/schedules.ts";
import { timeAfter } from "../../base/times.ts";
import type { Dispatch } from "../delivery/dispatch.ts";
import type { DurableTurn } from "./durable_turn.ts";
import { Effects } from "../commits/effects.ts";
import { scheduleKey, timerKey, timerPrefix } from "../rows/keys.ts";
import type { Ledger } from "../commits/ledger.ts";
import type { Mail } from "../rows/mail.ts";
import {
  namesToRead,
  type Planned,
  type Plans,
  plansOf,
  readTimers,
  requireRoom,
  type TimerRows,
} from "../rows/plans.ts";
import { requireFiring, type StoredDue, type StoredSchedule } from "../rows/schedule_row.ts";
import { encodeValue, toText } from "../rows/stored_value.ts";
import { topicsOf } from "../rows/topics_of.ts";

/** What a turn does, as effects of a commit. */
export class TurnEffects {
  readonly #ledger: Ledger;
  readonly #dispatch: Dispatch;

  constructor(ledger: Ledger, dispatch: Dispatch) {
    this.#ledger = ledger;
    this.#dispatch = dispatch;
  }

  /** Throws what stands in the way: a reply that does not fit, a payload that cannot be kept. */
  of(turn: DurableTurn, mail: Mail, result: unknown): Effects {
    const effects = turn.rows ?? new Effects();
    for (const { to, route, payload } of turn.outgoing) this.#dispatch.post(effects, to, route, payload);
    const { operation, replyTo } = turn.route;
    const { mode } = operation;
    if (replyTo === undefined || mode === "tell" || (result === undefined && mode === "survey")) {
      return effects;
    }
    const reply = operation.repliesUnchecked
      ? result
      : parse(operation.reply, result, "Cannot reply to", turn);
    if (isAsker(replyTo)) effects.after(() => replyTo.reply(reply, result));
    else this.#dispatch.answer(effects, replyTo, result, mail.head);
    return effects;
  }

  /** The names of schedules whose rows must be read before a turn's changes can be written. */
  unsure(plans: Plans, committed: Plans, changes: readonly ScheduleChange[]): readonly string[] {
    return namesToRead(plans, committed, changes, this.#ledger.clock.now());
  }

  /** What is in those rows. */
  read(actor: ActorId, names: readonly string[]): Promise<TimerRows> {
    return readTimers((keys) => this.#ledger.connection.read(keys), actor, names);
  }

  /**
   * What becomes of schedules: writes them, and returns the plans that there are then. `rows` are those of names that
   * were unsure. Throws where there would be too many, or where one could never fire.
   */
  schedule(
    effects: Effects,
    actor: ActorId,
    plans: Plans,
    changes: readonly ScheduleChange[],
    rows: TimerRows,
  ): Plans {
    const all = new Map(Object.entries(plans));
    for (const [name, row] of rows) row === undefined ? all.delete(name) : all.set(name, row);
    for (const { name, when, to, payload } of changes) {
      const before = all.get(name);
      if (before !== undefined) this.#remove(effects, actor, name, before);
      all.delete(name);
      if (when === undefined || to === undefined) continue;
      all.set(name, this.#write(effects, actor, { name, when, to, payload }, before?.bytes));
    }
    requireRoom(all.size, actor);
    return Object.fromEntries(all);
  }

  /** Erases an actor's schedules and subscriptions. */
  async erase(effects: Effects, actor: ActorId, plans: Plans): Promise<void> {
    const { connection } = this.#ledger;
    const topics = await topicsOf(connection, actor);
    if (Object.keys(plans).length > 0) {
      const rows = await connection.list({ prefix: timerPrefix(actor), limit: schedulesMax });
      for (const some of [plans, plansOf(rows)]) {
        for (const [name, planned] of Object.entries(some)) this.#remove(effects, actor, name, planned);
      }
    }
    const { protocol, key } = actor;
    for (const topic of topics) {
      const address = {
        protocol: Topic.leave.protocol,
        key: topic,
        operation: Topic.leave.name,
      };
      this.#dispatch.answer(effects, address, { protocol, key }, {
        id: this.#ledger.nextToken(),
        operation: "",
        via: "",
      });
    }
  }

  #write(
    effects: Effects,
    actor: ActorId,
    { name, when, to: { protocol, key, operation }, payload }: Required<ScheduleChange>,
    oldBytes: number | undefined,
  ): Planned {
    const { clock, traits: { limits } } = this.#ledger;
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
      token: this.#ledger.nextToken(),
    };
    const value = encodeValue(row, toText(payload));
    const timer = timerKey(actor, name);
    requireFiring(row, { key: timer, value }, limits);
    const by = "at" in when ? undefined : this.#ledger.setBy();
    const due: StoredDue = { token: row.token, by };
    effects.write(timer, value, { oldBytes });
    effects.write(scheduleKey(dueMs, actor, name), encodeValue(due, ""));
    effects.after(() => this.#ledger.dueAt(dueMs));
    return { dueMs, repeats: everyMs === undefined ? undefined : true, bytes: value.length };
  }

  /** Removes both rows of a schedule. That it is due, where it is by now, the alarm finds to be void. */
  #remove(effects: Effects, actor: ActorId, name: string, { dueMs, bytes }: Planned): void {
    effects.remove(timerKey(actor, name), bytes);
    if (dueMs > this.#ledger.clock.now()) effects.remove(scheduleKey(dueMs, actor, name));
  }
}
