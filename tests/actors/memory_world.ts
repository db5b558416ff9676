import { type Actor, type DeadLetter, System, type SystemOptions } from "@posthorn/posthorn";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";

/** A system on a virtual clock. */
export class World implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly system: System;

  constructor(actors: readonly Actor[], options: Partial<SystemOptions> = {}) {
    this.system = new System({ actors, clock: this.clock, random: seededRandom(1), log: false, ...options });
  }

  /** The dead letters, as `protocol operation: reason`. */
  get letters(): string[] {
    return this.system.deadLetters.list().map(lineOf);
  }

  /** The number of actors by protocol, without protocols that have none. */
  get population(): Record<string, number> {
    const entries = Object.entries(this.system.stats().protocols)
      .map(([name, { actors }]) => [name, actors] as const);
    return Object.fromEntries(entries.filter(([, actors]) => actors > 0));
  }

  /** Stops without waiting for handlers that hang. */
  async stop(): Promise<void> {
    const stopped = this.system.stop({ drainMs: 1 });
    await this.clock.advance(1);
    await stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function lineOf({ protocol, operation, reason }: DeadLetter): string {
  return `${protocol} ${operation}: ${reason}`;
}

/** A promise that the test settles. */
export function gate<T = void>(): PromiseWithResolvers<T> {
  return Promise.withResolvers<T>();
}

/** The outcome of a promise once it has settled, to be read while it may still be pending. */
export function watch<T>(promise: Promise<T>): { value?: T; error?: unknown; done: boolean } {
  const seen: { value?: T; error?: unknown; done: boolean } = { done: false };
  promise.then((value) => {
    seen.value = value;
    seen.done = true;
  }, (error) => {
    seen.error = error;
    seen.done = true;
  });
  return seen;
}

/** Casts a value that its type would refuse, for payloads from untyped sources. */
export function untyped(value: unknown): never {
  return value as never;
}
