import type { Clients, Workload } from "./clients.ts";

export const hungActors: readonly string[] = Array.from({ length: 6 }, (_, index) => `node/h${index}`);

/** Users who call handlers that hang while there are faults. */
export const hung: Workload = { name: "u", count: 14, everyMs: 2_000, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(hungActors);
  const does = clients.draw() < 0.6 ? "hang" : "write";
  return clients.send(actor, { tag, does, path: [] }, clients.draw() < 0.5 ? "named" : "once");
}

/** Handlers that hang until they are released. */
export class Hanging {
  #over = false;
  readonly #waiting: (() => void)[] = [];

  /** Resolves when it is over. */
  wait(): Promise<void> {
    return this.#over ? Promise.resolve() : new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The number of handlers that hang, or did in a process that has ended. */
  get count(): number {
    return this.#waiting.length;
  }

  end(): void {
    this.#over = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
