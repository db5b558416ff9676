import type { Stats } from "@posthorn/posthorn";
import type { Sending } from "./plan.ts";
import type { AuditNumbers, LabelTotals, Numbers, Recorded } from "./protocols.ts";
import type { Replayed } from "./replay.ts";

/** What a run of the demo saw, all of it over HTTP but for the last two. */
export interface Evidence {
  /** What its store is called; absent where it was in memory. */
  readonly store: string | undefined;
  /** How many messages waited when the system was stopped and opened again; absent where it was not. */
  readonly restarted: { readonly waiting: number } | undefined;
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
  readonly stats: Stats;
  /** How many dead letters there are for each reason. */
  readonly deadLetters: Readonly<Record<string, number>>;
}

export interface SurveyEvidence {
  readonly question: string;
  readonly offers: readonly { readonly reviewer: string; readonly text: string }[];
  readonly end: string;
  /** Who would answer if there were time. */
  readonly willing: readonly string[];
}
