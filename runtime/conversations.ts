import type { Actor } from "./actor.ts";
import type { AskOptions } from "./address.ts";
import type { SurveyOptions } from "./context.ts";
import type { Population } from "./host.ts";
import type { Operation } from "./protocol.ts";
import type { ResolvedOptions } from "./system_options.ts";
import type { Turn } from "./turn.ts";

/** What a turn of a transient actor can wait for. The modes bring it; the runtime itself knows no mode. */
export interface Conversations<System> {
  ask(
    system: System,
    operation: Operation,
    key: string,
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
export interface Modes<System> {
  readonly conversations: Conversations<System>;
  /** The actors that the modes need; a population where they do not count among the users' own. */
  actors(options: ResolvedOptions): readonly { readonly actor: Actor; readonly population?: Population }[];
}
