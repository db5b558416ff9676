import type { StoreConnection } from "../../ports/store.ts";

/** Tells a simulation which rare branches were reached. */
export interface Probes {
  /** A rare branch was reached; `about` is what it handled. */
  reach(branch: string, about?: unknown): void;
}

/** The probes of a simulated connection; no other connection has any. */
export function probesOf(connection: StoreConnection): Probes | undefined {
  return (connection as { readonly probes?: Probes }).probes;
}
