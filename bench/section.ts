/** A goal of the project that a measurement can check. */
export interface Goal {
  readonly name: string;
  readonly met: boolean;
  /** The measured value with its unit, as the report shows it. */
  readonly figure: string;
}

/** A section of the report that measures something other than one rate per workload. */
export interface Section {
  readonly title: string;
  readonly markdown: string;
  readonly goals: readonly Goal[];
}
