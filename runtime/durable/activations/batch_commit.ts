import type { Batch } from "./batch.ts";
import type { CommitOutcome, CommitResult } from "../commits/group_committer.ts";
import type { DurableActivation } from "./durable_activation.ts";
import { withoutEffect } from "./fail_asks.ts";
import { ActorRecord, mayHide } from "../rows/actor_record.ts";
import { checksHold } from "../commits/commit_one.ts";

/** Seals a batch and commits it. Throws a `TooLargeError` if one commit cannot take it. */
export function commitBatch(actor: DurableActivation, batch: Batch): void {
  const { record: began, durable: { session } } = actor;
  const { probes } = session;
  const name = String(actor);
  if (batch.readsOnly) {
    const part = batch.fence();
    const done = (result: CommitResult) => {
      if (result.status === "committed") actor.committed(batch, part, began, result.version);
      else if (result.status === "stale") actor.stale(batch, false);
      else actor.failed(withoutEffect(name, result.error), batch);
    };
    return session.committer.submit({ part, name, done });
  }
  const token = session.nextToken();
  const { writeSet: part, record, size } = batch.seal(token);
  let hidden = false;

  const done = (result: CommitResult) => {
    if (result.status === "committed") {
      const { version } = result;
      return actor.committed(
        batch,
        part,
        version === undefined ? undefined : record.committed(version),
        version,
      );
    }
    if ((hidden || result.status === "unknown") && batch.asks.length > 0) {
      probes?.reach("the outcome of an ask cannot be known");
    }
    if (result.status === "stale") actor.stale(batch, hidden);
    else actor.failed(result.error, batch);
  };

  /** Looks at the record of the actor: it names the latest turns. */
  const find = async (): Promise<CommitOutcome> => {
    let stored = await ActorRecord.read(session.connection, actor);
    // Two rows may be read at different times: what is kept of an erased actor could be that of its life before.
    if (stored.storedVersion === undefined) stored = await ActorRecord.read(session.connection, actor);
    if (stored.version === began.version) {
      if (await checksHold(session, part.checks)) return "open";
      stored = await ActorRecord.read(session.connection, actor); // it may have landed in between
    }
    const { turn, before } = stored.head;
    if (turn === token) {
      probes?.reach("a turn landed unheard");
      return { landed: stored.version };
    }
    if (before?.includes(token)) {
      probes?.reach("a turn landed unheard, and another followed");
      return { landed: undefined };
    }
    // What is kept of an erased actor goes by itself. A turn that landed has left a record, or is kept of one, for longer.
    hidden = stored.version !== began.version &&
      (stored.version === undefined
        ? began.storedVersion !== undefined
        : mayHide(stored.head, session.instance, began.head));
    return "stale";
  };
  session.committer.submit({ part, name, size, done, find });
}
