import { Turn } from "../../turns/turn.ts";
import type { WriteSet } from "../commits/write_set.ts";

/** A turn of a durable actor. The runtime's own may write more than their state. */
export class DurableTurn extends Turn {
  /** What it writes besides, with the same commit. */
  rows: WriteSet | undefined = undefined;
  /** The first place of its message in the mailbox: no other message of the actor ever had it. */
  place = "";
  /** Whether its message stays where it is, for another turn. */
  again = false;
}
