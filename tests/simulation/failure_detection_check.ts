import type { AtomicPart } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { spaceOf } from "./rule.ts";

/** Checks that no living instance that reaches the store is considered dead, in runs without pauses. */
export class FailureDetectionCheck {
  readonly #fail: (why: string) => void;

  constructor(fail: (why: string) => void) {
    this.#fail = fail;
  }

  /** Whether only load can delay the heartbeats of an instance. */
  static in(
    { scenes, process, store }: FaultPlan,
    fail: (why: string) => void,
  ): FailureDetectionCheck | undefined {
    const { crash = 0, stop = 0, pause = 0 } = process;
    const isCalm = crash + stop + pause + (store.slow ?? 0) + (store.locked ?? 0) === 0;
    return scenes.includes("saturated") && isCalm ? new FailureDetectionCheck(fail) : undefined;
  }

  apply(parts: readonly AtomicPart[]): void {
    for (const { writes } of parts) {
      for (const { key } of writes) {
        if (spaceOf(key) === "ended") this.#fail(`${key.split("\u001f")[1]} is taken for dead, and lives`);
      }
    }
  }
}
