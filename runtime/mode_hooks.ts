import type { Actor } from "./language/actor.ts";
import type { ActorId, AskOptions } from "./language/address.ts";
import type { SurveyOptions } from "./language/context.ts";
import type { Operation } from "./language/protocol.ts";
import type { Turn } from "./turns/turn.ts";

/** What a turn of a transient actor can wait for. The modes bring it; the runtime itself knows no mode. */
export interface ModeHooks<System> {
  ask(
    system: System,
    to: ActorId,
    operation: Operation,
    payload: unknown,
    options: AskOptions | undefined,
    turn: Turn,
  ): Promise<unknown>;
  survey(
    system: System,
    operation: Operation,
    payload: unknown,
    options: SurveyOptions | undefined,
    turn: Turn,
  ): AsyncIterableIterator<unknown>;
}

/** What the modes bring to a system. */
export interface ModeSet<System> {
  readonly modeHooks: ModeHooks<System>;
  /** The actors that the modes need of a system that begins. */
  actors(system: System, durable: boolean): readonly Actor[];
}
