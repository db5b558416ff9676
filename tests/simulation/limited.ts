import type { SimulatedHost } from "@posthorn/posthorn/testing/simulation";
import type { Clients, Workload } from "./clients.ts";

/** The options of their actors. */
export const limits = { turnMs: 1_500, concurrency: 2 };

const actors: readonly string[] = Array.from({ length: 5 }, (_, index) => `brief/b${index}`);

/** Users of actors whose handlers are limited in time and number, and sometimes never settle by themselves. */
export const limited: Workload = { name: "z", count: 30, everyMs: 900, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const kind = clients.draw();
  const actor = clients.pick(actors);
  const how = clients.draw() < 0.5 ? "named" : "once";
  if (kind < 0.1) return clients.add(tag, actor);
  if (kind < 0.2) return clients.submit(tag, actor);
  const path = clients.draw() < 0.3 ? [clients.pick(actors)] : [];
  if (kind < 0.4) return clients.send(actor, { tag, does: "stuck", more: 1, path }, how);
  if (kind < 0.8) return clients.send(actor, { tag, does: "wait", more: clients.draw() * 800, path }, how);
  return clients.send(actor, { tag, does: "write", path }, how);
}

/** Counts the awaited handlers of each process, and watches those that were abandoned. */
export class TurnCheck {
  readonly #awaited = new Map<SimulatedHost, number>();
  readonly #fail: (why: string) => void;
  readonly #onRare: (branch: string) => void;

  constructor(fail: (why: string) => void, onRare: (branch: string) => void) {
    this.#fail = fail;
    this.#onRare = onRare;
  }

  /** A handler is awaited until its result settles, or the signal of its turn aborts. */
  async await<Result>(host: SimulatedHost, signal: AbortSignal, result: Promise<Result>): Promise<Result> {
    const { concurrency } = limits;
    const awaited = this.#count(host, 1);
    if (awaited > concurrency) this.#fail(`${host.name} awaits ${awaited} of ${concurrency} turns`);
    if (awaited === concurrency) this.#onRare("no slot is left for a turn");
    let over = false;
    const end = () => {
      if (!over) this.#count(host, -1);
      over = true;
    };
    signal.addEventListener("abort", end);
    try {
      return await result;
    } finally {
      end();
    }
  }

  /** A handler that settles only after it was abandoned, and then tries to have an effect. */
  async stuck(host: SimulatedHost, signal: AbortSignal, effect: () => unknown): Promise<never> {
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    this.#onRare("a handler is abandoned");
    await new Promise<void>((resolve) => void host.clock.setTimer(700, resolve));
    effect();
    this.#fail(`${host.name} lets a handler go on that it has abandoned`);
    throw new Error("it goes on");
  }

  #count(host: SimulatedHost, by: number): number {
    const count = (this.#awaited.get(host) ?? 0) + by;
    this.#awaited.set(host, count);
    return count;
  }
}
