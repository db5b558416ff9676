import type { StoreConnection } from "../../ports/store.ts";

/** Tells a simulation which rare branches were reached. */
export interface Probes {
  /** A rare branch was reached, with what it was about. */
  reach(branch: string, about?: unknown): void;
}

/** The probes that a simulated connection brings; no other has any. */
export function probesOf(connection: StoreConnection): Probes | undefined {
  return (connection as { readonly probes?: Probes }).probes;
}
