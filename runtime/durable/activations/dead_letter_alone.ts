import { fits, sizeOfCommit } from "../../ports/commit_size.ts";
import type { DeadLetterReason } from "../delivery/message_writer.ts";
import type { DurableActor } from "./durable_actor.ts";
import { WriteSet } from "../commits/write_set.ts";
import type { QueuedMessage } from "../rows/queued_message.ts";
import { commitKnown } from "../commits/commit_one.ts";

/**
 * A message that waits becomes a dead letter in a commit of its own, beside its actor's turns. Where that does not come
 * through, it may have had its turn elsewhere, or it still waits for it. Returns whether it is gone.
 */
export async function deadLetterAlone(
  actor: DurableActor,
  mail: Pick<QueuedMessage, "head" | "text" | "payload" | "place" | "key" | "version" | "bytes">,
  deadLetterReason: DeadLetterReason,
): Promise<boolean> {
  const { host, durable } = actor;
  const { session, writer } = durable;
  const writeSet = new WriteSet();
  const letter = writer.deadLetter(writeSet, actor, mail, deadLetterReason);
  writeSet.removeIfUnchanged({ key: mail.key!, version: mail.version }, mail.bytes);
  const { limits } = session.traits;
  if (!fits(sizeOfCommit(writeSet, limits), limits)) return false; // the letter says more than the message did
  const epoch = actor.loadedEpoch;
  const version = await commitKnown(session, writeSet).catch(() => undefined); // it waits for its turn again
  if (version === undefined) return false;
  host.deadLettered++;
  durable.deadLettered(letter);
  writeSet.land(durable.committedDelivery, version, epoch);
  return true;
}
