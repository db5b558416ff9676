import type { ActorId } from "../../language/address.ts";
import type { Route } from "../../messages/envelope.ts";
import type { Publication } from "../../messages/builtin_protocols.ts";
import type { WriteSet } from "../commits/write_set.ts";
import type { RequestPlace, SentRequest } from "./reply_rows.ts";
import type { MessageHeader } from "../rows/queued_message.ts";

/** Why a message becomes a dead letter, and as much of its payload as can be stored. */
export interface Unsent {
  readonly text: string;
  readonly reason: string;
  readonly why: string;
}

/** Writes what goes to other services. */
export interface RemoteRows {
  /** Whether what is sent to that receiver leaves this service. */
  takes(to: ActorId): boolean;
  /**
   * Adds a message to a commit, or returns why it becomes a dead letter. Throws why it can never be sent. `from` is the
   * actor that sends it, if it is known.
   */
  write(
    writeSet: WriteSet,
    to: ActorId,
    route: Route,
    payload: unknown,
    id: string,
    from?: ActorId,
  ): Unsent | undefined;
  /**
   * Adds to a commit that the service of a request is told to take it back. Throws a `LimitExceededError` (`outbox-full`) if
   * there is no room for that.
   */
  cancel(writeSet: WriteSet, request: RequestPlace & { readonly sent: SentRequest }): void;
  /** Whether a message of a turn to that receiver would find no room now. */
  isFull(to: ActorId): boolean;
  /** Adds a message that was a dead letter to a commit. */
  writeAgain(writeSet: WriteSet, to: ActorId, head: MessageHeader, text: string): void;
  /** Whether a publication leaves this service too. */
  publishes(publication: Publication): boolean;
  /**
   * Keeps room for a publication from outside a turn, so that many at the same time do not all find the same room; the
   * result says that its commit is over. Throws a `LimitExceededError` (`outbox-full`) if there is none.
   */
  arrive(publication: Publication): () => void;
  /**
   * Adds a publication that leaves this service to a commit. Returns why it becomes a dead letter, and to whom, for each
   * lane that has no room for it. Throws why it can never be sent.
   */
  publish(
    writeSet: WriteSet,
    route: Route,
    publication: Publication,
    id: string,
    from?: ActorId,
  ): readonly (Unsent & { readonly to: ActorId })[];
}
