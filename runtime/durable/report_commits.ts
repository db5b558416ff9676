import type { Inspectors } from "../ports/inspection.ts";
import type { StoreSession } from "./commits/store_session.ts";

/** Tells inspectors of each commit of a session: while there is none, a commit reads no clock for it. */
export function reportCommits({ committer, clock }: StoreSession, inspectors: Inspectors): void {
  committer.onCommitted = (beganMs, parts) => {
    if (inspectors.unobserved) return;
    inspectors.emit({ type: "committed", tookMs: clock.monotonicMs() - beganMs, parts });
  };
}
