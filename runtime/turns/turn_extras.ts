import type { ScheduleChange } from "./schedules.ts";
import type { TurnSignal } from "./turn_signal.ts";
import type { WaitingTurn } from "./wait_chain.ts";
import type { TurnLaters } from "./turn_laters.ts";
import type { MessageView } from "../ports/message_view.ts";

/** The headers that the interceptors around a turn add to all that it causes. */
export interface AddedToTurn {
  readonly added: Readonly<Record<string, string>>;
  /** These, with the headers of its message. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What is kept of a turn while somebody listens to events. */
export interface WatchedTurn {
  readonly message: MessageView;
  /** How many messages it stands for among those of a sample; 0 if it is not one of them. */
  readonly stands: number;
  /** When its handler began, by the monotonic clock. */
  readonly startedMs: number;
  /** How long its handler took, once it has ended. */
  tookMs: number | undefined;
}

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
  watched?: WatchedTurn;
  added?: AddedToTurn;
}
