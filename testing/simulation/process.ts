import type { Random } from "../../runtime/base/random.ts";
import type { SimulatedInstance } from "./store.ts";
import { ProcessClock, type SimulatedTime } from "./time.ts";

/** What goes wrong with the processes of a simulation. What is absent does not. */
export interface ProcessFaults {
  /** How often a process crashes, per minute. Another starts in its place within 8 seconds. */
  readonly crash?: number;
  /** How often a process is stopped as an operator does, per minute. */
  readonly stop?: number;
  /** How often a process stands still, per minute. */
  readonly pause?: number;
  /**
   * For how long at the most, in milliseconds.
   *
   * @default {15_000}
   */
  readonly pauseMsMax?: number;
  /** How far the times of day of two processes may be apart, in milliseconds. */
  readonly clocksApartMs?: number;
  /** How often the time of day of a process jumps, per minute. */
  readonly clockJump?: number;
}

/** What a process is made of. */
interface ProcessParts {
  readonly name: string;
  readonly time: SimulatedTime;
  readonly store: SimulatedInstance;
  readonly random: Random;
  readonly aheadMs: number;
  /** It begins to stop. */
  readonly stops: () => void;
  /** It has ended. */
  readonly ended: (how: "crashed" | "stopped") => void;
}

/** One process of a simulation. */
export class SimulatedProcess<System extends { stop(): Promise<unknown> }> {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly random: Random;
  readonly store: SimulatedInstance;
  alive = true;
  stopping = false;
  readonly #stops: ProcessParts["stops"];
  readonly #ended: ProcessParts["ended"];
  #system: System | undefined;

  constructor({ name, time, store, random, aheadMs, stops, ended }: ProcessParts) {
    this.name = name;
    this.clock = new ProcessClock(time, aheadMs);
    this.random = random;
    this.store = store;
    this.#stops = stops;
    this.#ended = ended;
  }

  get system(): System {
    return this.#system!;
  }

  begin(system: System): void {
    this.#system = system;
  }

  crash(): void {
    if (!this.alive) return;
    this.#end();
    this.store.crash();
    this.#ended("crashed");
  }

  stop(): void {
    if (this.stopping) return;
    this.stopping = true;
    this.#stops();
    void this.system.stop().then(() => {
      if (!this.alive) return;
      this.#end();
      this.#ended("stopped");
    });
  }

  pause(): void {
    this.clock.pause();
    this.store.pause();
  }

  resume(): void {
    this.store.resume();
    this.clock.resume();
  }

  #end(): void {
    this.alive = false;
    this.clock.end();
  }
}
