import { Activation } from "./activation.ts";
import type { Actor } from "./actor.ts";
import { LimitError } from "./errors.ts";
import type { Operation } from "./protocol.ts";
import type { Home, Services } from "./services.ts";
import type { Timer } from "./timers.ts";

/** Into how many batches `idleMs` is cut: activations of one batch are looked at together. */
const batchesPerIdle = 8;

/** How many actors there are, and may be: one count over several hosts. */
export interface Population {
  readonly capacity: number;
  /** The code of the error when there may be no more. */
  readonly code: "too-many-actors" | "too-many-replies";
  /** What they are called in its message. */
  readonly what: "actors" | "replies";
  size: number;
  /** The keys of those that may go when there is no room, the longest expendable first. */
  readonly expendable?: Set<string>;
  /** Hears of one that went. */
  readonly onLetGo?: (key: string) => void;
}

/** All actors of one definition in this system, by key. */
export class Host implements Home<Activation> {
  readonly actor: Actor;
  readonly services: Services;
  /** The operations of its protocol, each at its slot. */
  readonly operations: readonly Operation[];
  waiting = 0;
  done = 0;
  readonly #population: Population;
  readonly #activations = new Map<string, Activation>();
  /** Those to look at, in the order of time. */
  readonly #idle: { readonly dueMs: number; readonly members: Set<Activation> }[] = [];
  #idleTimer: Timer | undefined;

  constructor(actor: Actor, services: Services, population: Population) {
    this.actor = actor;
    this.operations = Object.values(actor.operations);
    this.services = services;
    this.#population = population;
  }

  /** How many there are, active or with something kept. */
  get size(): number {
    return this.#activations.size;
  }

  find(key: string): Activation | undefined {
    return this.#activations.get(key);
  }

  /** The actor of that key. Throws a `LimitError` when it is new and the system is full. */
  get(key: string): Activation {
    const found = this.#activations.get(key);
    if (found !== undefined) return found;
    const { capacity, code, what } = this.#population;
    if (this.#population.size >= capacity) this.#makeRoom();
    const { size } = this.#population;
    if (size >= capacity) {
      const action = what === "replies" ? "keep one more reply" : `activate ${this.actor.name}/${key}`;
      throw new LimitError(code, `Cannot ${action}: the system holds ${size} of ${capacity} ${what}`);
    }
    const activation = new Activation(this, key);
    this.#activations.set(key, activation);
    this.#population.size++;
    return activation;
  }

  #makeRoom(): void {
    for (const key of this.#population.expendable ?? []) {
      this.#population.expendable!.delete(key);
      const activation = this.find(key);
      if (activation?.status !== "idle") continue;
      this.remove(activation);
      return this.#population.onLetGo?.(key);
    }
  }

  activations(): Iterable<Activation> {
    return this.#activations.values();
  }

  remove(activation: Activation): void {
    if (!this.#activations.delete(activation.key)) return;
    this.#population.size--;
    activation.watchers?.delete(activation);
    activation.leave();
  }

  watchIdle(activation: Activation): void {
    const { idleMs } = this.actor;
    if (activation.watchers !== undefined || idleMs === Infinity) return;
    const nowMs = this.services.monotonicMs();
    let batch = this.#idle.at(-1);
    if (batch === undefined || nowMs >= batch.dueMs - idleMs + idleMs / batchesPerIdle) {
      this.#idle.push(batch = { dueMs: nowMs + idleMs, members: new Set() });
    }
    batch.members.add(activation);
    activation.watchers = batch.members;
    if (this.#idleTimer === undefined) this.#watchFirst();
  }

  /**
   * Passivates what has been idle for long enough. An actor is looked at `idleMs` after its activation and then each
   * `idleMs`, so it may stay for up to twice that, and a turn costs nothing but a note of its time.
   */
  #sweep(): void {
    const { idleMs } = this.actor;
    const nowMs = this.services.monotonicMs();
    while (this.#idle.length > 0 && this.#idle[0].dueMs <= nowMs) {
      for (const activation of this.#idle.shift()!.members) {
        activation.watchers = undefined;
        if (!activation.active) continue;
        if (activation.status === "idle" && activation.usedMs + idleMs <= nowMs) activation.passivate();
        else this.watchIdle(activation);
      }
    }
    this.#watchFirst();
  }

  #watchFirst(): void {
    const first = this.#idle.at(0);
    const waitMs = first && first.dueMs - this.services.monotonicMs();
    this.#idleTimer = waitMs === undefined
      ? undefined
      : this.services.timers.set(waitMs, () => this.#sweep());
  }
}
