import type { StoreConnection } from "../ports/store.ts";
import type { OpenStore } from "./open_store.ts";

/** Looks at what may concern this instance whenever another one has committed something. */
export function watchCommits(
  connection: StoreConnection,
  looks: readonly (() => Promise<void>)[],
  { surveyReplies, peerAcceptor, assignments, scheduleRunner }: Pick<
    OpenStore,
    "surveyReplies" | "peerAcceptor" | "assignments" | "scheduleRunner"
  >,
): Disposable {
  return connection.watch((posted) => {
    if (posted === true) {
      assignments.claimPosted().catch(() => {}); // the next heartbeat does
      scheduleRunner.run().catch(() => {}); // it may be a delayed message
      return;
    }
    for (const look of looks) look().catch(() => {}); // the next heartbeat does
    surveyReplies.wake();
    peerAcceptor.replies.wake();
    assignments.claimUnassigned().catch(() => {}); // the next heartbeat does
    assignments.stir();
  });
}
