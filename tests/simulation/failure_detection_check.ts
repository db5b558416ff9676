import type { AtomicPart } from "../../runtime/ports/store.ts";
import type { FaultPlan } from "./fault_plan.ts";
import { spaceOf } from "./rule.ts";

/** How long an instance may miss its heartbeats before it counts as dead: three of the simulated store. */
const missedMs = 6_000;
/** The time after the last fault within which an instance that lives has heard that it was taken for dead. */
const hearMs = 12_000;

/** What the check needs to know. */
interface FailureDetectionParts {
  readonly faultPlan: FaultPlan;
  /** Whether a process lives, by its name. */
  readonly lives: (process: string) => boolean;
  /** When the faults ended; later than all if they have not. */
  readonly calmMs: () => number;
  readonly fail: (why: string) => void;
  readonly reach: (branch: string) => void;
}

/**
 * Checks, by the commits, who is taken for dead: only who missed its heartbeats, or whose process has ended, which a
 * presence may tell sooner. If a session may end while its process lives, that may be taken for its death. Whoever was
 * taken for dead soon goes on under another name.
 */
export class FailureDetectionCheck {
  readonly #parts: FailureDetectionParts;
  /** The last heartbeat of each instance, and its process. */
  readonly #beats = new Map<string, { readonly process: string; readonly atMs: number }>();
  readonly #endedMs = new Map<string, number>();
  /** Whether nothing but load can delay a heartbeat, so that nobody misses one. */
  readonly #isCalm: boolean;
  readonly #mayErr: boolean;

  constructor(parts: FailureDetectionParts) {
    this.#parts = parts;
    const { scenes, process, store, traits } = parts.faultPlan;
    const { crash = 0, stop = 0, pause = 0 } = process;
    const { slow = 0, locked = 0, sessionLost = 0 } = store;
    this.#isCalm = scenes.includes("saturated") && crash + stop + pause + slow + locked === 0;
    // Whoever cannot open its store closes the connection, and whoever is alone on it takes all others for dead.
    this.#mayErr = sessionLost > 0 || scenes.includes("opening") || traits.processes === "one";
  }

  apply(
    { instance: process, atMs }: { readonly instance: string; readonly atMs: number },
    parts: readonly AtomicPart[],
  ): void {
    for (const { writes, removals } of parts) {
      for (const { key } of writes) {
        if (spaceOf(key) === "instance") this.#beats.set(nameIn(key), { process, atMs });
        if (spaceOf(key) === "ended") {
          this.#endedMs.set(nameIn(key), atMs);
          if (this.#isCalm) this.#fail(nameIn(key));
        }
        if (spaceOf(key) === "index" && this.#hasHeard(nameIn(key), atMs)) {
          this.#parts.fail(`${nameIn(key)} was taken for dead, and goes on under that name`);
        }
      }
      for (const { key } of removals) if (spaceOf(key) === "instance") this.#end(nameIn(key), process, atMs);
    }
  }

  /** Whether an instance must have heard by then that it was taken for dead. */
  #hasHeard(instance: string, atMs: number): boolean {
    const endedMs = this.#endedMs.get(instance);
    return endedMs !== undefined && atMs - Math.max(endedMs, this.#parts.calmMs()) > hearMs;
  }

  #end(instance: string, judge: string, atMs: number): void {
    const beat = this.#beats.get(instance);
    if (beat === undefined || beat.process === judge || atMs - beat.atMs >= missedMs) return;
    if (!this.#parts.lives(beat.process)) this.#parts.reach("a presence tells that an instance ended");
    else if (this.#mayErr) this.#parts.reach("a living instance is taken for dead");
    else this.#fail(instance);
  }

  #fail(instance: string): void {
    this.#parts.fail(`${instance} is taken for dead, and lives`);
  }
}

const nameIn = (key: string): string => key.split("\u001f")[1];
