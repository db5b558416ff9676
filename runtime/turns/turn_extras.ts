import type { ScheduleChange } from "./schedules.ts";
import type { TurnSignal } from "./turn_signal.ts";
import type { WaitingTurn } from "./wait_chain.ts";
import type { TurnLaters } from "./turn_laters.ts";

/** What only few turns need. */
export interface TurnExtras {
  now?: number;
  signal?: TurnSignal;
  /** Why the turn was aborted: kept for a handler that asks for its signal later. */
  abortion?: { readonly reason: unknown };
  /** Whether its message was taken back, so that it commits nothing. */
  revoked?: boolean;
  schedules?: ScheduleChange[];
  ending?: "passivate" | "erase";
  waitsFor?: WaitingTurn[];
  laters?: TurnLaters;
}
