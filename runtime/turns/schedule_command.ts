import { PosthornError } from "../base/errors.ts";
import type { Operation } from "../language/protocol.ts";
import type { ScheduleChange } from "./schedules.ts";
import type { Turn } from "./turn.ts";

/** The operation by which the system changes a schedule of an actor. No operation of a user has such a name. */
const scheduleOperationName = "~schedule";

/** The operation of the actors of a protocol, whose handler has that slot. */
export function scheduleOperation(protocol: string, slot: number): Operation {
  const mode = "ask";
  return { protocol, name: scheduleOperationName, mode, slot, unchecked: true, repliesUnchecked: true };
}

/**
 * A change of a schedule from outside, which the actor makes in a turn of its own. It is the payload of an ask, so it
 * never leaves this process.
 */
export class ScheduleCommand {
  readonly #change: ScheduleChange;
  /** Why its last turn could not make it. */
  #refusal: { readonly error: unknown } | undefined;

  constructor(change: ScheduleChange) {
    this.#change = { ...change, onRefused: (error) => this.#refusal = { error } };
  }

  /** Throws the reason if its turn could not make the change. */
  requireMade(): void {
    if (this.#refusal !== undefined) throw this.#refusal.error;
  }

  /** The handler of the operation. Throws for what only has its name, as a row of a store may. */
  static handle(turn: unknown, payload: unknown): void {
    if (typeof payload !== "object" || payload === null || !(#change in payload)) {
      throw new PosthornError("unknown-operation", `Cannot handle ${turn}: it is no operation of its actor`);
    }
    payload.#refusal = undefined; // a turn whose commit was lost is repeated
    (turn as Turn).changeSchedule(payload.#change);
  }
}
