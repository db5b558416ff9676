import type { Random } from "../../runtime/base/random.ts";
import type { SimulatedBrokerClient } from "./broker/broker.ts";
import type { SimulatedInstance } from "./store.ts";
import { ProcessClock, type SimulatedTime } from "./time.ts";

/** The faults that a simulation injects into its processes. Absent ones do not occur. */
export interface ProcessFaults {
  /**
   * The number of crashes per minute of each process. Another process starts in its place within 8 seconds.
   */
  readonly crash?: number;
  /** The number of regular stops per minute of each process. */
  readonly stop?: number;
  /** The number of pauses per minute of each process. */
  readonly pause?: number;
  /**
   * The maximum duration of a pause, in milliseconds.
   *
   * @default {15_000}
   */
  readonly pauseMsMax?: number;
  /** The maximum difference between the wall clocks of two processes, in milliseconds. */
  readonly clocksApartMs?: number;
  /** The number of jumps per minute of the wall clock of each process. */
  readonly clockJump?: number;
}

/** The program of a process. */
interface Stoppable {
  stop(): Promise<unknown>;
}

/** The parts of a simulated process. */
interface ProcessParts {
  readonly name: string;
  readonly time: SimulatedTime;
  readonly store: SimulatedInstance;
  readonly broker: SimulatedBrokerClient;
  readonly random: Random;
  readonly aheadMs: number;
  /** Called when it begins to stop. */
  readonly stops: () => void;
  /** Called when it has ended. */
  readonly ended: (how: "crashed" | "stopped" | "sleeps") => void;
}

/** What of a process is no option of a system: `start` may spread the process into the options. */
const hidden = ["broker", "alive", "stopping"];

/** One process of a simulation. */
export class SimulatedProcess<System extends Stoppable> {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly random: Random;
  readonly store: SimulatedInstance;
  readonly broker: SimulatedBrokerClient;
  alive = true;
  stopping = false;
  readonly #stops: ProcessParts["stops"];
  readonly #ended: ProcessParts["ended"];
  #system: System | undefined;

  constructor({ name, time, store, broker, random, aheadMs, stops, ended }: ProcessParts) {
    this.name = name;
    this.clock = new ProcessClock(time, aheadMs);
    this.random = random;
    this.store = store;
    this.broker = broker;
    this.#stops = stops;
    this.#ended = ended;
    for (const name of hidden) Object.defineProperty(this, name, { enumerable: false });
  }

  get system(): System {
    return this.#system!;
  }

  begin(system: System): void {
    this.#system = system;
  }

  crash(): void {
    if (this.alive) this.#kill("crashed");
  }

  /** The platform stops the process, if it has no timer. Nothing of it ever runs again. Returns whether it did. */
  sleep(): boolean {
    if (!this.alive || this.stopping || !this.clock.idle) return false;
    this.#kill("sleeps");
    return true;
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
    this.broker.pause();
  }

  resume(): void {
    this.store.resume();
    this.broker.resume();
    this.clock.resume();
  }

  #kill(how: "crashed" | "sleeps"): void {
    this.#end();
    this.store.crash();
    this.broker.crash();
    this.#ended(how);
  }

  #end(): void {
    this.alive = false;
    this.clock.end();
  }
}
