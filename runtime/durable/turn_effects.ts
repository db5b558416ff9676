import type { ActorId } from "../address.ts";
import { LimitError } from "../errors.ts";
import { Asker } from "../envelope.ts";
import { Topic } from "../modes.ts";
import { parse } from "../schema.ts";
import type { ScheduleChange } from "../schedules.ts";
import type { Dispatch } from "./dispatch.ts";
import type { DurableTurn } from "./durable_turn.ts";
import { Effects } from "./effects.ts";
import { scheduleKey, timerKey } from "./keys.ts";
import type { Ledger } from "./ledger.ts";
import type { Mail } from "./mail.ts";
import { encodeValue, toText } from "./stored_value.ts";
import type { StoredSchedule } from "./schedule_row.ts";

const schedulesMax = 1_000;

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
    if (replyTo instanceof Asker) effects.after(() => replyTo.reply(reply, result));
    else this.#dispatch.answer(effects, replyTo, result, mail.head);
    return effects;
  }

  /** What becomes of schedules: writes them, and returns the names that there are then. */
  schedule(
    effects: Effects,
    actor: ActorId,
    names: readonly string[],
    changes: readonly ScheduleChange[],
  ): readonly string[] {
    const all = new Set(names);
    for (const { name, when, to, payload } of changes) {
      if (when === undefined || to === undefined) {
        all.delete(name);
        effects.remove(timerKey(actor, name));
        continue;
      }
      all.add(name);
      const nowMs = this.#ledger.clock.now();
      const dueMs = "at" in when
        ? Math.max(when.at.getTime(), nowMs)
        : nowMs + ("afterMs" in when ? when.afterMs : when.everyMs);
      const { protocol, key, operation } = to;
      const row: StoredSchedule = {
        actor: { protocol: actor.protocol, key: actor.key },
        name,
        dueMs,
        everyMs: "everyMs" in when ? when.everyMs : undefined,
        to: { protocol, key, operation },
        token: this.#ledger.nextToken(),
      };
      effects.write(timerKey(actor, name), encodeValue(row, toText(payload)));
      effects.write(scheduleKey(dueMs, actor, name), encodeValue({ token: row.token }, ""));
      effects.after(() => this.#ledger.dueAt(dueMs));
    }
    if (all.size > schedulesMax) {
      throw new LimitError(
        "too-many-schedules",
        `Cannot schedule for ${actor.protocol}/${actor.key}: it would have ${all.size} of ${schedulesMax} schedules`,
      );
    }
    return [...all];
  }

  /** Erases an actor's schedules and subscriptions: `topics` are those where it is a subscriber. */
  forget(effects: Effects, actor: ActorId, names: readonly string[], topics: readonly string[]): void {
    for (const name of names) effects.remove(timerKey(actor, name));
    const { protocol, key } = actor;
    for (const topic of topics) {
      const address = { protocol: Topic.leave.protocol, key: topic, operation: Topic.leave.name };
      this.#dispatch.answer(effects, address, { protocol, key }, {
        id: this.#ledger.nextToken(),
        operation: "",
        via: "",
      });
    }
  }
}
