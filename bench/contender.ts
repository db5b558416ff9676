/** The outcome of one workload in one process. */
export interface Outcome {
  /** The duration of the timed part, without set-up and reporting. */
  readonly elapsedMs: number;
  /** The result that the messages computed, which the runner compares with the expected one. */
  readonly check: number;
  /** Other measured values, by name. */
  readonly also?: Readonly<Record<string, number>>;
}

/** Runs one workload with one library, at the size given by the runner. */
export type Workload = (size: number) => Promise<Outcome> | Outcome;

/** A library, or a lower bound, used as its users would use it. */
export interface Contender {
  /** The id on the command line, and the name of its file. */
  readonly id: string;
  /** The name in tables and charts, including the form of the library if there are several. */
  readonly label: string;
  /** How it uses the library, and why the comparison is fair. */
  readonly form: string;
  /** Its workloads by id. An absent one is not supported by the library, or only with code of one's own. */
  readonly workloads: Readonly<Record<string, Workload>>;
  /** The divisor of the full size, by the id of the workload, for workloads that would take minutes. */
  readonly divisors?: Readonly<Record<string, number>>;
}
