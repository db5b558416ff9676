/** Whether a system takes messages, and why not. */
export interface Health {
  /** `running` takes messages, `stopping` lets run what can, `stopped` does nothing. */
  readonly status: "running" | "stopping" | "stopped";
  /** Why it stopped by itself; absent where it was asked to. */
  readonly reason?: string;
}

/** How a system ended. */
export interface StopReport {
  /** Whether nothing was left when the time was up. What waits to be tried again is not waited for. */
  readonly drained: boolean;
  /** How many messages were left: those became dead letters with the reason `stopping`. */
  readonly left: number;
}
