import type { Sending } from "./plan.ts";
import type { AuditNumbers, LabelTotals, Numbers, Recorded } from "./protocols.ts";
import type { Replayed } from "./replay.ts";
import type { SystemStats } from "./stats.ts";

/** The observations of a run of the demo, all made over HTTP. */
export interface Evidence {
  /** The name of the store; absent if the run was in memory. */
  readonly store: string | undefined;
  /** How the serving process was killed and restarted; absent if it was not. */
  readonly killed: Killed | undefined;
  readonly sendings: readonly Sending[];
  readonly replayed: Replayed;
  /** The reply of each repository about itself, by key. */
  readonly repositories: ReadonlyMap<string, Numbers>;
  /** The status of an ask without the repository's token. */
  readonly askedWithoutToken: number;
  readonly report: { readonly ordered: number; readonly collected: number; readonly text: string };
  readonly audit: AuditNumbers;
  readonly labels: LabelTotals;
  /** The events received from the stream. */
  readonly streamed: readonly Recorded[];
  readonly surveys: readonly SurveyEvidence[];
  /** The statistics of the last serving process of each service together. */
  readonly stats: SystemStats;
  /** The number of services that the desk was. */
  readonly services: number;
}

export interface Killed {
  /** The number of messages waiting in the store when the desk was available again. */
  readonly waiting: number;
  readonly downMs: number;
}

export interface SurveyEvidence {
  readonly question: string;
  readonly offers: readonly { readonly reviewer: string; readonly text: string }[];
  readonly end: string;
  /** The reviewers that would reply without a deadline. */
  readonly willing: readonly string[];
}
