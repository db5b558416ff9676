import type { DeliveryPort } from "../activations/runtime_services.ts";
import type { StoreSession } from "./commits/store_session.ts";

/**
 * Reports what a session meets in its store to the system: rows that cannot be read, and each commit. While nobody listens,
 * a commit reads no clock for it.
 */
export function reportSession(session: StoreSession, delivery: DeliveryPort): void {
  const { committer, clock } = session;
  const { inspectors } = delivery;
  session.onUnreadable = (row, error) => delivery.unreadable(row, error);
  committer.onCommitted = (beganMs, parts) => {
    if (inspectors.unobserved) return;
    inspectors.emit({ type: "committed", tookMs: clock.monotonicMs() - beganMs, parts });
  };
}
