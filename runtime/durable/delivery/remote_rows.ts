import type { ActorId } from "../../language/address.ts";
import type { Route } from "../../messages/envelope.ts";
import type { Publication } from "../../messages/builtin_protocols.ts";
import type { WriteSet } from "../commits/write_set.ts";
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
  /** Adds a message that was a dead letter to a commit. */
  writeAgain(writeSet: WriteSet, to: ActorId, head: MessageHeader, text: string): void;
  /** Throws if this service may not publish an event, because only others do. */
  requirePublishable(publication: Publication): void;
  /** Whether a publication leaves this service too. */
  publishes(publication: Publication): boolean;
  /** Adds a publication to a commit, for other services, or a dead letter. */
  publish(writeSet: WriteSet, route: Route, publication: Publication, id: string, from?: ActorId): void;
}
