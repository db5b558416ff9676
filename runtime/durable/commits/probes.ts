import type { StoreConnection } from "../../ports/store.ts";

/** What a simulation may know and change of this code: it hears of rare branches, and can take a rule out. */
export interface Probes {
  /** A rare branch was reached, with what it was about. */
  reach(branch: string, about?: unknown): void;
  /** Whether a rule is taken out, to see what breaks without it. */
  without(rule: string): boolean;
}

/** The probes that a simulated connection brings; no other has any. */
export function probesOf(connection: StoreConnection): Probes | undefined {
  return (connection as { readonly probes?: Probes }).probes;
}
