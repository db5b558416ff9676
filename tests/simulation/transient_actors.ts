import { type Actor, actor, type System } from "@posthorn/posthorn";
import type { SimulatedHost, Simulation } from "@posthorn/posthorn/testing/simulation";
import type { CommitHistory } from "./commit_history.ts";
import type { Clients, Workload } from "./clients.ts";
import { Echo, partsOf } from "./messages.ts";

const actors = ["node/n0", "node/n1", "aside/a0", "aside/a1"];

/** Users of transient actors. */
export const transientActors: Workload = { name: "e", count: 16, everyMs: 2_300, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const kind = clients.draw();
  const actor = clients.pick(actors);
  if (kind < 0.3) return clients.add(tag, actor, "relayed");
  if (kind < 0.5) return clients.pass(tag, actor);
  const path = clients.draw() < 0.3 ? [clients.pick(actors)] : [];
  return clients.send(actor, { tag, does: "whisper", path }, clients.draw() < 0.5 ? "named" : "once");
}

/**
 * Compares the messages of transient actors with the history: each committed one is delivered at most once,
 * in its process.
 */
export class TransientDeliveries {
  readonly #history: CommitHistory;
  readonly #fail: (why: string) => void;
  readonly #onRare: (branch: string) => void;
  readonly #heard = new Set<string>();

  constructor(history: CommitHistory, fail: (why: string) => void, onRare: (branch: string) => void) {
    this.#history = history;
    this.#onRare = onRare;
    this.#fail = fail;
  }

  /** Called when a turn has sent a message to the echo of its process. */
  hears(host: string, name: string): void {
    const by = this.#history.committedBy.get(name)?.instance;
    if (by === undefined) this.#fail(`${name} is heard, and not committed`);
    else if (by !== host) this.#fail(`${name} is heard in ${host}, and ${by} committed it`);
    if (this.#heard.has(name)) this.#fail(`${name} is heard twice`);
    this.#heard.add(name);
  }

  /**
   * If a process survives a commit that it knows of, its echo got the message, or there was no room for it.
   */
  checkAtRest({ running }: Simulation<System>, whispered: readonly string[]): void {
    for (const name of whispered) {
      const by = this.#history.committedBy.get(name);
      if (by === undefined || by.outcome !== "known" || this.#heard.has(name)) continue;
      const system = running.find(({ host }) => host.name === by.instance)?.system;
      if (system === undefined) {
        this.#onRare("what a turn told is lost with its process");
        continue;
      }
      const letter = system.deadLetters.list().find(({ payload }) => payload === name);
      if (letter?.reason === "too-many-actors") this.#onRare("there is no room for who keeps nothing");
      else this.#fail(`${name} is not heard: ${letter?.reason}`);
    }
  }
}

/** A transient actor in each process. */
export function transientActorOf({ name }: SimulatedHost, transientDeliveries: TransientDeliveries): Actor {
  return actor(Echo, {
    transient: true,
    state: () => 0,
    on: {
      hear: (_ctx, whisper) => transientDeliveries.hears(name, whisper),
      relay(ctx, { to, job }) {
        const { kind, key } = partsOf(to);
        return ctx.ref(kind, key).ask(kind.add, job, { timeoutMs: 4_000 });
      },
      pass(ctx, { to, job }) {
        const { kind, key } = partsOf(to);
        ctx.ref(kind, key).tell(kind.job, job);
      },
    },
    idleMs: 3_000,
  });
}
