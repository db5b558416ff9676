/** Whether a system takes messages, and why not. */
export interface Health {
  /** `running` takes messages, `stopping` lets run what can, `stopped` does nothing. */
  readonly status: "running" | "stopping" | "stopped";
  /** Why it stopped by itself; absent where it was asked to. */
  readonly reason?: string;
}

/** How a system ended. */
export interface StopReport {
  /** Whether everything that could run had run before the time was up. */
  readonly drained: boolean;
  /** How many messages were left: those became dead letters with the reason `stopping`. */
  readonly left: number;
}
