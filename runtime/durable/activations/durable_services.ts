import type { DeadLetter } from "../../ports/dead_letters.ts";
import type { MessageWriter } from "../delivery/message_writer.ts";
import type { CommittedDelivery } from "../commits/write_set.ts";
import type { Membership } from "../background/membership.ts";
import type { StoreSession } from "../commits/store_session.ts";
import type { CrashSuspects } from "./crash_suspects.ts";
import type { TurnWrites } from "./turn_writes.ts";

/** How long an actor is left to those who know more than this program, without being taken back. */
export const leftMs = 30_000;

/** What durable actors of one system share. */
export interface DurableServices {
  readonly session: StoreSession;
  readonly writer: MessageWriter;
  readonly turnWrites: TurnWrites;
  readonly crashSuspects: CrashSuspects;
  readonly membership: Membership;
  /** Takes in what commits bring to this process. */
  readonly committedDelivery: CommittedDelivery;
  /** An event was committed to the log of a topic. */
  published(topic: string): void;
  /** A dead letter was committed. */
  deadLettered(letter: DeadLetter, error?: unknown): void;
}
