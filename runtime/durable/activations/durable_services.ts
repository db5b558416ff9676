import type { DeadLetter } from "../../ports/dead_letters.ts";
import type { StoreTraits } from "../../ports/store.ts";
import type { WritingServices } from "../delivery/message_writer.ts";
import type { Assignments } from "../background/assignments.ts";
import type { Membership } from "../background/membership.ts";
import type { CrashSuspects } from "./crash_suspects.ts";
import type { LaterRows } from "./later_rows.ts";
import type { RunningRequests } from "./running_requests.ts";
import type { TurnWrites } from "./turn_writes.ts";

/** How long this instance does not take back an actor that it left to a newer program. */
export const leftMs = 30_000;

/** The same, if its state was written by one: with a store for one process, that is another process. */
export function newerLeftMs({ processes }: StoreTraits): number {
  return processes === "one" ? Infinity : leftMs;
}

/** The services that the durable actors of one system share. */
export interface DurableServices extends WritingServices {
  readonly turnWrites: TurnWrites;
  readonly laters: LaterRows;
  readonly crashSuspects: CrashSuspects;
  readonly membership: Membership;
  readonly assignments: Pick<Assignments, "left">;
  readonly runningRequests: RunningRequests;
  /** A commit added an event to the log of a topic. */
  published(topic: string): void;
  /** A commit wrote a dead letter. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
}
