import type { Sending } from "./plan.ts";
import type { AuditNumbers, LabelTotals, Numbers, Recorded } from "./protocols.ts";
import type { Replayed } from "./replay.ts";
import type { SystemStats } from "./stats.ts";

/** What a run of the demo saw, all of it over HTTP. */
export interface Evidence {
  /** What its store is called; absent where it was in memory. */
  readonly store: string | undefined;
  /** How the process that serves was killed and started again; absent if it was not. */
  readonly killed: Killed | undefined;
  readonly sendings: readonly Sending[];
  readonly replayed: Replayed;
  /** What each repository says about itself, by key. */
  readonly repositories: ReadonlyMap<string, Numbers>;
  /** How an ask without the repository's own token was answered. */
  readonly askedWithoutToken: number;
  readonly report: { readonly ordered: number; readonly collected: number; readonly text: string };
  readonly audit: AuditNumbers;
  readonly labels: LabelTotals;
  /** What came down the event stream. */
  readonly streamed: readonly Recorded[];
  readonly surveys: readonly SurveyEvidence[];
  /** What the process that served last says of itself. */
  readonly stats: SystemStats;
}

export interface Killed {
  /** How many messages waited in the store when the desk could be reached again. */
  readonly waiting: number;
  readonly downMs: number;
}

export interface SurveyEvidence {
  readonly question: string;
  readonly offers: readonly { readonly reviewer: string; readonly text: string }[];
  readonly end: string;
  /** Who would answer if there were time. */
  readonly willing: readonly string[];
}
