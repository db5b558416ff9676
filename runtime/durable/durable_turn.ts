import { Turn } from "../turn.ts";
import type { Effects } from "./effects.ts";

/** A turn of a durable actor. The runtime's own may write more than their state. */
export class DurableTurn extends Turn {
  /** Its message's place in the mailbox: nothing else has it. */
  place = "";
  /** What it writes besides, with the same commit. */
  rows: Effects | undefined = undefined;
  /** Whether its message stays where it is, for another turn. */
  again = false;
}
