import type { Clock } from "../../runtime/base/clock.ts";
import { requireInteger } from "../../runtime/base/errors.ts";
import type { Random } from "../../runtime/base/random.ts";
import type { Store } from "../../runtime/ports/store.ts";
import { seededRandom } from "../seeded_random.ts";
import { SimulatedStore, type SimulatedStoreOptions } from "./store.ts";
import { SimulatedTime } from "./time.ts";
import { type ProcessFaults, SimulatedProcess } from "./process.ts";
import { Trace } from "./trace.ts";

/** What runs in a process of a simulation: a `System`. */
export interface Simulated {
  /** Stops it as an operator does. */
  stop(): Promise<unknown>;
}

/** What a process of a simulation has of its own, to make a system of. */
export interface SimulatedHost {
  /** Its name: a letter for its place, and how often a process was started there. */
  readonly name: string;
  /** Its clock, which may differ from the others', and stands still while it is paused. */
  readonly clock: Clock;
  /** Its chance. Its ULIDs are unique in the run. */
  readonly random: Random;
  /** Its way to the store that all share. */
  readonly store: Store;
  /** Whether it has neither crashed nor ended. */
  readonly alive: boolean;
  /** Ends it without a word, at once: nothing of it ever runs again. */
  crash(): void;
  /** Stops it as an operator does: it ends when its system has stopped, and another starts in its place. */
  stop(): void;
}

/** Options of a {@linkcode Simulation}. */
export interface SimulationOptions<System extends Simulated> {
  /** A whole number: the same one gives the same run. */
  readonly seed: number;
  /** Starts the program in a process. Called again for each process that is started. */
  readonly start: (host: SimulatedHost) => System;
  /**
   * How many processes there are, from 1 to 26.
   *
   * @default {3}
   */
  readonly processes?: number;
  /** What goes wrong with processes. */
  readonly faults?: ProcessFaults;
  /** The store, and what goes wrong with it. */
  readonly store?: Omit<SimulatedStoreOptions, "clock" | "random">;
  /** Called with each step, as text. */
  readonly onStep?: (step: string) => void;
}

/**
 * A program on several processes and one store, whose time, chance and misfortune come from one seed: they crash, stop,
 * are paused, and their clocks differ, as `faults` says. It shows in seconds what years of operation do, and a seed
 * that finds a fault finds it again.
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
  /** The true time. */
  readonly clock: Clock;
  /** What the workload draws from. */
  readonly random: Random;
  readonly #time = new SimulatedTime();
  readonly #trace: Trace;
  readonly #chance: Random;
  readonly #options: SimulationOptions<System>;
  readonly #places: (SimulatedProcess<System> | undefined)[];
  readonly #generations: number[];
  #faults: ProcessFaults;
  #started = 0;
  #calm = false;

  /** Starts the processes. */
  constructor(options: SimulationOptions<System>) {
    const { seed, processes = 3, faults = {} } = options;
    requireInteger("processes", processes, 1);
    this.#options = options;
    this.#trace = new Trace(50, options.onStep);
    this.#faults = faults;
    this.clock = this.#time;
    this.#chance = seededRandom(mixed(seed, 1));
    this.random = seededRandom(mixed(seed, 2));
    this.store = new SimulatedStore({
      ...options.store,
      clock: this.#time,
      random: seededRandom(mixed(seed, 3)),
    });
    this.#places = new Array(processes).fill(undefined);
    this.#generations = new Array(processes).fill(0);
    for (let place = 0; place < processes; place++) this.#start(place);
    this.#beat();
  }

  /** The processes that run, paused ones included. */
  get running(): readonly { readonly host: SimulatedHost; readonly system: System }[] {
    return this.#places.filter((one) => one !== undefined && one.alive && !one.stopping)
      .map((one) => ({ host: one!, system: one!.system }));
  }

  /** What goes wrong with processes from now on. */
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

  /** Names all steps and their order: equal for equal runs. */
  get hash(): string {
    return this.#trace.hash;
  }

  /** How much has happened. */
  get happened(): number {
    return this.#time.happened;
  }

  /** Notes a step of the workload in the trace. */
  note(step: string): void {
    this.#trace.add(this.#time.monotonicMs(), step);
  }

  /** Lets time go on by so many milliseconds, or until `done` says that it is enough. */
  async advance(byMs: number, done?: () => boolean): Promise<void> {
    await this.#time.advance(byMs, done);
  }

  /** Ends all misfortune: who is paused goes on, who is gone is started again, the store does what it should. */
  calm(): void {
    this.#calm = true;
    this.#faults = {};
    this.store.faults = {};
    this.note("calm");
    for (const [place, one] of this.#places.entries()) {
      if (one === undefined) this.#start(place);
      else one.resume();
    }
  }

  #start(place: number): void {
    if (this.#places[place] !== undefined) return;
    const name = String.fromCharCode(97 + place) + ++this.#generations[place];
    const serial = ++this.#started;
    const apartMs = this.#faults.clocksApartMs ?? 0;
    const one = new SimulatedProcess<System>({
      name,
      time: this.#time,
      store: this.store.instance(name),
      random: uniqueRandom(seededRandom(mixed(this.#options.seed, 100 + serial)), serial),
      aheadMs: Math.round((this.#chance.next() - 0.5) * apartMs),
      stops: () => this.note(`${name} stops`),
      ended: (how) => {
        this.note(`${name} ${how}`);
        if (this.#places[place] === one) this.#places[place] = undefined;
        const afterMs = this.#calm ? 1_000 : 100 + this.#chance.next() * 8_000;
        this.#time.setTimer(afterMs, () => this.#start(place));
      },
    });
    this.#places[place] = one;
    this.note(`${name} starts, ${one.clock.aheadMs} ms ahead`);
    one.begin(this.#options.start(one));
  }

  /** Draws what happens to processes, about each second. */
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

  #draw(perMinute: number): boolean {
    return perMinute > 0 && this.#chance.next() < perMinute / 60;
  }
}

/** A seed of its own for each purpose. */
function mixed(seed: number, purpose: number): number {
  return (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(purpose, 0xc2b2ae35)) >>> 0;
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** Its ULIDs: a time, then in the last ten characters who it is and a count. */
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
