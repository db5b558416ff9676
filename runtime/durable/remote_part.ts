import type { DeadLetter } from "../ports/dead_letters.ts";
import type { WritingServices } from "./delivery/message_writer.ts";
import type { ReplyRows } from "./delivery/reply_rows.ts";
import type { RemoteRows } from "./delivery/remote_rows.ts";
import type { OpenStore } from "./open_store.ts";

/** What writes messages to other services. */
export interface RemoteWritingServices extends WritingServices {
  readonly replies: ReplyRows;
  /** Counts and reports a dead letter that was committed. */
  deadLettered(letter: DeadLetter): void;
}

/** The part for other services, as the store knows it. */
export interface RemotePart {
  /** Whether other services host actors of that protocol. */
  has(protocol: string): boolean;
  /** The store is being opened. Resolves with what writes the messages to other services. */
  beginRows(services: RemoteWritingServices): Promise<RemoteRows>;
  /** The store is open. */
  storeOpened(store: OpenStore): void;
  /** An attempt to open the store failed. */
  storeFailed(error: unknown): void;
  /** Whether something waits to be sent. */
  readonly waits: boolean;
  /** Does the work of a heartbeat. */
  heartbeat(): Promise<void>;
}
