import type { HeldBytes } from "./held_bytes.ts";
import type { Recovery } from "./recovery.ts";
import type { Schedules } from "./schedules.ts";
import type { Turn } from "./turn.ts";

/** What few actors need: those that never do have no such object. */
export interface ActivationRarities {
  /** The turn for which a promise is awaited, and what its handler got. */
  turn?: Turn | undefined;
  value?: unknown;
  recovery?: Recovery;
  held?: HeldBytes;
  schedules?: Schedules;
}
