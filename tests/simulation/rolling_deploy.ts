import type { Clock, Random } from "@posthorn/posthorn";
import type { SimulatedHost } from "@posthorn/posthorn/testing/simulation";

/** The deploy of a new revision of the program to the slots of processes. */
export interface Deploy {
  /** When each slot gets it, in milliseconds after the start; one that is absent never does. */
  readonly getsMs: readonly (number | undefined)[];
  /** The time in which the second slot is rolled back to the old revision. */
  readonly backMs: readonly [from: number, until: number] | undefined;
  /** Whether all slots are rolled back when the faults end, for longer than an unknown operation waits. */
  readonly abandoned: boolean;
  /** Whether the program of each slot hosts the guests. */
  readonly hosting: readonly boolean[];
}

/** The program of one process. */
export interface Program {
  readonly revision: 1 | 2;
  readonly hosts: boolean;
}

/** Draws a deploy. In the end the first slot hosts everything. */
export function deployOf(random: Random, processes: number): Deploy {
  const places = Array.from({ length: processes }, (_, place) => place);
  const fromMs = 10_000 + random.next() * 25_000;
  return {
    getsMs: places.map((place) =>
      place > 0 && random.next() < 0.25 ? undefined : 2_000 + random.next() * 40_000
    ),
    backMs: random.next() < 0.4 ? [fromMs, fromMs + random.next() * 15_000] : undefined,
    abandoned: random.next() < 0.06,
    hosting: places.map((place) => place === 0 || random.next() < 0.5),
  };
}

/** The simulation, with its true time. */
export interface Places {
  readonly clock: Clock;
  readonly running: readonly { readonly host: SimulatedHost }[];
}

/** Manages the revision of each process; stops processes with an outdated one. */
export class RollingDeploy {
  readonly #deploy: Deploy | undefined;
  #places: Places | undefined;
  #beganMs = 0;
  readonly #programs = new Map<string, Program>();
  #phase: "rolling" | "abandoned" | "done" = "rolling";

  /** Until the deploy starts, all processes run the old revision. */
  constructor(deploy: Deploy | undefined) {
    this.#deploy = deploy;
  }

  /** The program for a process that starts now. */
  start(host: string): Program {
    const program = { revision: this.#revisionAt(placeOf(host)), hosts: this.#hostsAt(placeOf(host)) };
    this.#programs.set(host, program);
    return program;
  }

  /** The program that a process runs or ran. */
  revisionOf(host: string): number {
    return this.#programs.get(host)?.revision ?? 1;
  }

  /** Starts the deploy. */
  begin(places: Places): void {
    if (this.#deploy === undefined) return;
    this.#places = places;
    this.#beganMs = places.clock.now();
    this.#look(places.clock);
  }

  /** Rolls all slots back. */
  abandon(): void {
    this.#phase = "abandoned";
    this.#replace();
  }

  /** Completes the deploy. */
  finish(): void {
    this.#phase = "done";
    this.#replace();
  }

  #look(clock: Clock): void {
    this.#replace();
    if (this.#phase === "rolling") clock.setTimer(700, () => this.#look(clock));
  }

  #replace(): void {
    for (const { host } of this.#places?.running ?? []) {
      if (this.revisionOf(host.name) !== this.#revisionAt(placeOf(host.name))) host.stop();
    }
  }

  #hostsAt(place: number): boolean {
    return this.#deploy?.hosting[place] ?? false;
  }

  #revisionAt(place: number): 1 | 2 {
    const getsMs = this.#deploy?.getsMs[place];
    if (this.#places === undefined || getsMs === undefined || this.#phase === "abandoned") return 1;
    if (this.#phase === "done") return 2;
    const atMs = this.#places.clock.now() - this.#beganMs;
    const [fromMs, untilMs] = this.#deploy?.backMs ?? [Infinity, Infinity];
    const isBack = place === 1 && atMs >= fromMs && atMs < untilMs;
    return atMs < getsMs || isBack ? 1 : 2;
  }
}

/** The index of the slot of a process, from 0. */
export function placeOf(host: string): number {
  return host.charCodeAt(0) - 97;
}
