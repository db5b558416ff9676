import type { Fullness } from "../../activations/overflow.ts";
import type { Publication } from "../../messages/builtin_protocols.ts";
import type { Route } from "../../messages/envelope.ts";
import type { Ids } from "../../messages/ids.ts";
import type { NamedMessage } from "../delivery/acceptance.ts";
import type { WritingServices } from "../delivery/message_writer.ts";
import type { ReplyRows } from "../delivery/reply_rows.ts";
import type { NewMessage } from "../rows/queued_message.ts";
import type { DurableActivation } from "./durable_activation.ts";

/** How long the mark of a message without a name is known: longer than the committer tries its commit again. */
export const retryWindowMs = 600_000;

/** A message from outside that is to be accepted: with its turn, or in a commit of its own. */
export interface Incoming {
  readonly to: DurableActivation;
  readonly route: Route;
  /** Present if other services get it too. */
  readonly published: Publication | undefined;
  readonly named: NamedMessage;
  readonly draft: NewMessage;
  /** Where its reply will be, if one is kept: it is opened with the message. */
  readonly ticket: string | undefined;
  /**
   * A list of the mailbox that began before this read epoch may lack the message; 0 if its position is the next one.
   */
  readonly epoch: number;
  readonly bytes: number;
  /** How full its mailbox is; absent if there is room. */
  readonly full: Fullness | undefined;
}

/** What accepting messages needs. */
export interface AcceptanceServices extends WritingServices {
  readonly replies: ReplyRows;
  readonly ids: Ids;
  readonly deduplicationWindowMs: number;
}
