import type { Clock } from "../../runtime/base/clock.ts";
import { requireInteger } from "../../runtime/base/require.ts";
import type { Random } from "../../runtime/base/random.ts";
import type { Store } from "../../runtime/ports/store.ts";
import { seededRandom } from "../seeded_random.ts";
import { SimulatedBroker, type SimulatedBrokerClient, type SimulatedBrokerOptions } from "./broker/broker.ts";
import { SimulatedStore, type SimulatedStoreOptions } from "./store.ts";
import { SimulatedTime } from "./time.ts";
import { type ProcessFaults, SimulatedProcess } from "./process.ts";
import { Trace } from "./trace.ts";

/** The program in a process of a simulation: a `System`. */
export interface Simulated {
  /** Stops it regularly. */
  stop(): Promise<unknown>;
  /** Called when the time comes at which its process asked to be started. */
  sweep?(): Promise<unknown>;
}

/**
 * The environment of one process in a simulation, from which `start` creates a system. If it is spread into the options
 * of a system, it gives the name, the clock, the randomness and the store.
 */
export interface SimulatedHost {
  /**
   * The name: a letter for its slot, and the number of processes started there, behind that of the service if it has one.
   */
  readonly name: string;
  /**
   * Its clock, which may differ from those of other processes, and does not fire timers while it is paused.
   */
  readonly clock: Clock;
  /** Its source of randomness. The ULIDs are unique in the run. */
  readonly random: Random;
  /** Its view of the shared store. */
  readonly store: Store;
  /** Its view of the broker that the services share. */
  readonly broker: SimulatedBrokerClient;
  /** Whether the process has neither crashed nor stopped. */
  readonly alive: boolean;
  /** Crashes the process: nothing of it ever runs again. */
  crash(): void;
  /**
   * Stops the process regularly: it ends when its system has stopped, and another process starts in its
   * place.
   */
  stop(): void;
}

/** Options of a {@linkcode Simulation}. */
export interface SimulationOptions<System extends Simulated> {
  /** A whole number. The same seed gives the same run. */
  readonly seed: number;
  /** Starts the program in a process. Called for each process that is started. */
  readonly start: (host: SimulatedHost) => System;
  /**
   * The number of processes, from 1 to 26.
   *
   * @default {3}
   */
  readonly processes?: number;
  /** The faults of processes. */
  readonly faults?: ProcessFaults;
  /**
   * How often a minute the platform looks whether a process has no timer, and stops it then. It starts it at the time that
   * the process asked for with `wakeAt`, which connections have then, or if somebody speaks to it ({@linkcode
   * Simulation.speak}). It keeps an earlier time that was asked for, as the alarm of a Durable Object does. For one process.
   * A process that has ended otherwise is started in the same ways.
   */
  readonly sleeps?: number;
  /** Options of the store, with its faults. */
  readonly store?: Omit<SimulatedStoreOptions, "clock" | "random">;
  /** Options of the broker, with its faults; not together with `beside`. */
  readonly broker?: Omit<SimulatedBrokerOptions, "clock" | "random" | "onStep">;
  /** The name of the service, if several are simulated. The names of its processes begin with it. */
  readonly service?: string;
  /**
   * The simulation of another service. This one has a store and processes of its own, and shares with the other one the
   * time, the broker and the steps. Only the other one is advanced; each is calmed.
   */
  readonly beside?: Simulation<Simulated>;
  /** Called with each step of the run, as text. */
  readonly onStep?: (step: string) => void;
}

/**
 * A deterministic simulation of a program on several processes with one store: time, randomness and faults
 * are derived from one seed. Processes crash, stop and pause, and their clocks differ, as `faults` specifies.
 * It covers years of operation in seconds, and a seed that finds a fault reproduces it.
 *
 * @example
 * ```ts
 * import assert from "node:assert/strict";
 * import { actor, ask, protocol, System, tell } from "@posthorn/posthorn";
 * import { Simulation } from "@posthorn/posthorn/testing/simulation";
 * import * as z from "zod";
 *
 * const Counter = protocol("counter", { add: tell(z.number()), total: ask(z.number()) });
 * const counter = actor(Counter, {
 *   state: () => 0,
 *   on: { add: (ctx, n) => void (ctx.state += n), total: (ctx) => ctx.state },
 * });
 *
 * const simulation = new Simulation({
 *   seed: 1,
 *   start: (host) => new System({ ...host, actors: [counter] }),
 *   faults: { crash: 10 },
 *   store: { faults: { unknownLanded: 0.2, unknownLandsLate: 0.2 } },
 * });
 * await simulation.advance(1_000);
 * let accepted = false;
 * void simulation.running[0].system.ref(Counter, "one").tell(Counter.add, 7, { id: "1" }).then(() => accepted = true);
 * await simulation.advance(60_000); // crashes, and commits that land without a word
 * simulation.calm();
 * await simulation.advance(60_000);
 * let total: number | undefined;
 * void simulation.running[0].system.ref(Counter, "one").ask(Counter.total).then((reply) => total = reply);
 * await simulation.advance(1_000);
 * assert(accepted ? total === 7 : total === 7 || total === 0);
 * ```
 */
export class Simulation<System extends Simulated> {
  /** The store that all processes share. */
  readonly store: SimulatedStore;
  /** The broker that all services share. */
  readonly broker: SimulatedBroker;
  /** The true time of the simulation. */
  readonly clock: Clock;
  /** The source of randomness for the workload. */
  readonly random: Random;
  readonly #time: SimulatedTime;
  readonly #trace: Trace;
  /** The number of processes that were started, of all services. */
  readonly #serials: { started: number };
  readonly #chance: Random;
  readonly #options: SimulationOptions<System>;
  readonly #places: (SimulatedProcess<System> | undefined)[];
  readonly #generations: number[];
  /** When the platform starts the process. */
  #wakeAtMs: number | undefined;
  /** How often the platform has stopped a process that had no timer. */
  slept = 0;
  /** How often the platform has started a process because its time had come. */
  woken = 0;
  #faults: ProcessFaults;
  #calm = false;

  /** Creates the simulation and starts the processes. */
  constructor(options: SimulationOptions<System>) {
    const { seed, processes = 3, faults = {}, beside, sleeps } = options;
    requireInteger("processes", processes, 1);
    if (sleeps !== undefined && processes > 1) {
      throw new RangeError(
        `Cannot use sleeps: it is for one process: current value of processes is ${processes}`,
      );
    }
    if (beside !== undefined && options.broker !== undefined) {
      throw new TypeError("Cannot use broker together with beside: services share one broker");
    }
    this.#options = options;
    this.#time = beside === undefined ? new SimulatedTime() : beside.#time;
    this.#trace = beside === undefined ? new Trace(50, options.onStep) : beside.#trace;
    this.#serials = beside === undefined ? { started: 0 } : beside.#serials;
    this.#faults = faults;
    this.clock = this.#time;
    this.#chance = seededRandom(mixed(seed, 1));
    this.random = seededRandom(mixed(seed, 2));
    this.store = new SimulatedStore({
      ...options.store,
      ...(sleeps !== undefined && { onWakeAt: (atMs) => this.#wakeAt(atMs) }),
      clock: this.#time,
      random: seededRandom(mixed(seed, 3)),
    });
    this.broker = beside?.broker ?? new SimulatedBroker({
      ...options.broker,
      clock: this.#time,
      random: seededRandom(mixed(seed, 4)),
      onStep: (step) => this.note(step),
    });
    this.#places = new Array(processes).fill(undefined);
    this.#generations = new Array(processes).fill(0);
    for (let place = 0; place < processes; place++) this.#start(place);
    this.#beat();
    if (sleeps !== undefined) this.#sleepSometimes(sleeps);
  }

  /** The running processes, including paused ones. */
  get running(): readonly { readonly host: SimulatedHost; readonly system: System }[] {
    return this.#places.filter((one) => one !== undefined && one.alive && !one.stopping)
      .map((one) => ({ host: one!, system: one!.system }));
  }

  /** The faults of processes from now on. */
  get faults(): ProcessFaults {
    return this.#faults;
  }

  set faults(faults: ProcessFaults) {
    this.#faults = faults;
  }

  /** The last 50 steps, as text. */
  get lastSteps(): readonly string[] {
    return this.#trace.last;
  }

  /** A hash of all steps in their order: equal for equal runs. */
  get hash(): string {
    return this.#trace.hash;
  }

  /** The number of events that have run. */
  get happened(): number {
    return this.#time.happened;
  }

  /** Adds a step of the workload to the trace. */
  note(step: string): void {
    this.#trace.add(this.#time.monotonicMs(), step);
  }

  /** Advances the time by `byMs` milliseconds, or until `done` returns true. */
  async advance(byMs: number, done?: () => boolean): Promise<void> {
    await this.#time.advance(byMs, done);
  }

  /** Somebody speaks to the process of a simulation that `sleeps`: it is started, unless it runs. */
  speak(): void {
    this.#start(0);
  }

  /**
   * Ends all faults: resumes paused processes, starts ended ones again, and clears the faults of the store and of the
   * broker.
   */
  calm(): void {
    this.#calm = true;
    this.#faults = {};
    this.store.faults = {};
    this.broker.faults = {};
    this.note(`${this.#prefix}calm`);
    for (const [place, one] of this.#places.entries()) {
      if (one !== undefined) one.resume();
      else if (this.#options.sleeps === undefined) this.#start(place);
    }
  }

  #start(place: number): void {
    if (this.#places[place] !== undefined) return;
    const name = this.#prefix + String.fromCharCode(97 + place) + ++this.#generations[place];
    const serial = ++this.#serials.started;
    const apartMs = this.#faults.clocksApartMs ?? 0;
    const one = new SimulatedProcess<System>({
      name,
      time: this.#time,
      store: this.store.instance(name),
      broker: this.broker.client(name),
      random: uniqueRandom(seededRandom(mixed(this.#options.seed, 100 + serial)), serial),
      aheadMs: Math.round((this.#chance.next() - 0.5) * apartMs),
      stops: () => this.note(`${name} stops`),
      ended: (how) => {
        this.note(`${name} ${how}`);
        if (this.#places[place] === one) this.#places[place] = undefined;
        if (this.#options.sleeps !== undefined) return;
        const afterMs = this.#calm ? 1_000 : 100 + this.#chance.next() * 8_000;
        this.#time.setTimer(afterMs, () => this.#start(place));
      },
    });
    this.#places[place] = one;
    this.note(`${name} starts, ${one.clock.aheadMs} ms ahead`);
    one.begin(this.#options.start(one));
  }

  /** The process asks to be started at that time, whether it runs or not. */
  #wakeAt(atMs: number | undefined): void {
    if (this.#wakeAtMs !== undefined && this.#wakeAtMs <= (atMs ?? Infinity)) return; // it keeps the earlier time
    this.#wakeAtMs = atMs;
    if (atMs === undefined) return;
    const earlyMs = this.#chance.next() * earlyMsMax;
    this.#time.setTimer(atMs - earlyMs - this.#time.now(), () => {
      if (this.#wakeAtMs !== atMs) return;
      this.#wakeAtMs = undefined;
      this.#wake();
    });
  }

  /** The platform starts the process, and lets it look. If it ends before it has looked, the platform does that again. */
  #wake(): void {
    this.note("the time has come");
    if (this.#places[0] === undefined) this.woken++;
    this.#start(0);
    let looked = false;
    this.#places[0]!.system.sweep?.().then(() => looked = true, () => {});
    this.#time.setTimer(wakeAgainMs, () => looked || this.#wake());
  }

  /** The platform stops the process if it has no timer. */
  #sleepSometimes(perMinute: number): void {
    this.#time.setTimer(60_000 / perMinute * (0.5 + this.#chance.next()), () => {
      if (this.#places[0]?.sleep() === true) this.slept++;
      this.#sleepSometimes(perMinute);
    });
  }

  /** Decides at random, about once per second, which faults the processes have. */
  #beat(): void {
    if (this.#calm) return;
    for (const one of this.#places) if (one !== undefined && !one.stopping) this.#strike(one);
    this.#time.setTimer(500 + this.#chance.next() * 1_000, () => this.#beat());
  }

  #strike(one: SimulatedProcess<System>): void {
    const { crash = 0, stop = 0, pause = 0, pauseMsMax = 15_000, clockJump = 0, clocksApartMs = 0 } =
      this.#faults;
    if (this.#draw(crash)) return one.crash();
    if (this.#draw(stop)) return one.stop();
    if (this.#draw(clockJump)) {
      one.clock.aheadMs = Math.round((this.#chance.next() - 0.5) * clocksApartMs);
      this.note(`${one.name} is ${one.clock.aheadMs} ms ahead from now on`);
    }
    if (!this.#draw(pause)) return;
    const forMs = this.#chance.next() * pauseMsMax;
    this.note(`${one.name} stands still for ${Math.round(forMs)} ms`);
    one.pause();
    this.#time.setTimer(forMs, () => {
      if (!one.alive) return;
      this.note(`${one.name} goes on`);
      one.resume();
    });
  }

  get #prefix(): string {
    return this.#options.service === undefined ? "" : `${this.#options.service}-`;
  }

  #draw(perMinute: number): boolean {
    return perMinute > 0 && this.#chance.next() < perMinute / 60;
  }
}

/** How much too early the platform may start a process: its clock is not quite that of the process. */
const earlyMsMax = 5;
/** After how long the platform starts a process again that has not looked. */
const wakeAgainMs = 2_000;

/** Derives a separate seed for each purpose. */
function mixed(seed: number, purpose: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(purpose, 0xc2b2ae35)) >>> 0;
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Randomness with ULIDs that are unique in the run: a time, then the number of the process and a counter. */
function uniqueRandom(random: Random, serial: number): Random {
  let latestMs = 0;
  let count = 0;
  return {
    next: () => random.next(),
    ulid(nowMs) {
      latestMs = Math.max(latestMs, Math.floor(nowMs));
      return base32(latestMs, 10) + "000000" + base32(serial, 4) + base32(++count, 6);
    },
  };
}

function base32(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = digits[rest % 32] + text;
  return text;
}
