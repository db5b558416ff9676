/** A goal of the project that a measurement can judge. */
export interface Goal {
  readonly name: string;
  readonly met: boolean;
  /** What was measured, with its unit, as the report shows it. */
  readonly figure: string;
}

/** A part of the report that measures something other than one rate a workload. */
export interface Section {
  readonly title: string;
  readonly markdown: string;
  readonly goals: readonly Goal[];
}
