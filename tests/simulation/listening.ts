import type { System } from "@posthorn/posthorn";
import type { SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import type { CommitHistory } from "./commit_history.ts";
import type { Clients, Workload } from "./clients.ts";
import { News } from "./messages.ts";

/** Users who publish events to functions. */
export function listening(listeners: Listeners): Workload {
  return {
    name: "l",
    count: 10,
    everyMs: 3_500,
    errand,
  };

  function errand(clients: Clients, tag: string): Promise<void> {
    const kind = clients.draw();
    if (kind < 0.25) return again(clients);
    const count = kind < 0.3 ? 12 : 1; // more than a log holds
    return clients.publish(Array.from({ length: count }, (_, index) => `${tag}.${index}`), listeners);
  }

  function again(clients: Clients): Promise<void> {
    return clients.through((system, host) => listeners.listen(host, system));
  }
}

/** A function that subscribes to the news. */
interface Listener {
  readonly host: SimulatedHost;
  readonly subscription: Disposable;
  /** The events that it received, by sequence number, in order. */
  readonly heard: number[];
  /** The events published in its process since it subscribed. */
  readonly published: string[];
}

/** The functions that subscribe to the news, one in each process, compared with the history. */
export class Listeners {
  readonly #history: CommitHistory;
  readonly #fail: (why: string) => void;
  readonly #onRare: (branch: string) => void;
  readonly #listeners = new Map<string, Listener>();

  constructor(history: CommitHistory, fail: (why: string) => void, onRare: (branch: string) => void) {
    this.#history = history;
    this.#fail = fail;
    this.#onRare = onRare;
  }

  /** Replaces the listening function of a process. */
  listen(host: SimulatedHost, system: System): void {
    this.#listeners.get(host.name)?.subscription[Symbol.dispose]();
    this.#listeners.delete(host.name);
    const hear = ({ tag }: { readonly tag: string }) => this.#hears(listener, tag);
    const subscription = system.subscribe(News.posted, hear);
    const listener: Listener = { host, subscription, heard: [], published: [] };
    this.#listeners.set(host.name, listener);
  }

  /** Called before an event is published in a process. Returns a function to call when it was accepted. */
  publishes(host: SimulatedHost, tag: string): () => void {
    const listener = this.#listeners.get(host.name);
    return () => void listener?.published.push(tag);
  }

  /** Every event still in the log was delivered to every living function that subscribed before it. */
  checkAtRest({ running }: Simulation<System>): void {
    for (const { host } of running) {
      const listener = this.#listeners.get(host.name);
      if (listener !== undefined) this.#requireHeard(listener, Infinity);
    }
  }

  #hears(listener: Listener, tag: string): void {
    const { host, heard } = listener;
    const number = this.#history.eventNumbers.get(tag);
    const last = heard.at(-1) ?? 0;
    if (!host.alive) this.#fail(`a function hears ${tag} in ${host.name}, which has ended`);
    if (this.#listeners.get(host.name) !== listener) {
      this.#fail(`a function hears ${tag}, and listens no longer`);
    }
    if (number === undefined) return this.#fail(`a function hears ${tag}, which is not in the log`);
    if (number <= last) this.#fail(`a function in ${host.name} hears event ${number} after ${last}`);
    this.#requireHeard(listener, number);
    heard.push(number);
  }

  /**
   * Earlier events that it did not receive were evicted before it read them: they are no longer in the log.
   */
  #requireHeard({ host, heard, published }: Listener, before: number): void {
    const own = published.map((tag) => this.#history.eventNumbers.get(tag) ?? Infinity);
    const first = Math.min(heard[0] ?? Infinity, ...own);
    const last = heard.at(-1) ?? 0;
    for (const [number, isKept] of this.#history.eventsKept) {
      if (number < first || number <= last || number >= before) continue;
      if (isKept) this.#fail(`a function in ${host.name} does not hear event ${number}`);
      else this.#onRare("an event was let go before a function heard it");
    }
  }
}
