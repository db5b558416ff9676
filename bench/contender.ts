/** What one workload came to, in one process. */
export interface Outcome {
  /** How long the timed part took. Setting up, and telling the result, are not in it. */
  readonly elapsedMs: number;
  /** What was worked out by the messages themselves: the runner compares it with what must come out. */
  readonly check: number;
  /** What else was measured, by name. */
  readonly also?: Readonly<Record<string, number>>;
}

/** One workload as one library runs it, at a size that the runner gives. */
export type Workload = (size: number) => Promise<Outcome> | Outcome;

/** A library, or a floor, in the form in which its users would write it. */
export interface Contender {
  /** As the command line names it, and its file. */
  readonly id: string;
  /** As tables and charts name it, with what tells one form of a library from another. */
  readonly label: string;
  /** What its form is and why it is a fair one. */
  readonly form: string;
  /** By the workload's id. What is absent, the library cannot do, or not without writing it oneself. */
  readonly workloads: Readonly<Record<string, Workload>>;
  /** How many times smaller than the full size it runs, by the workload's id: for what would take minutes. */
  readonly divisors?: Readonly<Record<string, number>>;
}
