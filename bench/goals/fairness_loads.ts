import { actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";

const Storm = protocol("storm", { blow: tell(unchecked<number>()) });
const Adder = protocol("adder", { next: ask(unchecked<number>(), unchecked<number>()) });
const Counter = protocol("counter", { add: tell(unchecked<number>()) });

/** The path that is requested over HTTP under load. */
export const Clerk = protocol("clerk", { hours: ask(unchecked<string>()) });

/** The kinds of endless load. */
export const loads = ["storm", "asks", "tells"] as const;

/** One of them. */
export type Load = typeof loads[number];

/**
 * A system with an endless load of messages. Each message carries a sequence number; if one is missing, the
 * load stops.
 */
export class Endless {
  /** The number of handled messages. */
  messages = 0;
  readonly system: System;

  constructor() {
    const storm = actor(Storm, {
      state: () => null,
      on: {
        blow: (ctx, turn) => {
          this.#count(turn);
          ctx.ref(Storm, ctx.key === "east" ? "west" : "east").tell(Storm.blow, turn + 1);
        },
      },
    });
    const adder = actor(Adder, { state: () => null, on: { next: (_, n) => n + 1 } });
    const counter = actor(Counter, { state: () => null, on: { add: (_, turn) => this.#count(turn) } });
    const clerk = actor(Clerk, { state: () => null, on: { hours: () => "nine to five" } });
    this.system = new System({ actors: [storm, adder, counter, clerk] });
  }

  /** Starts the load, which never ends. */
  async begin(load: Load): Promise<void> {
    if (load === "storm") return await this.system.ref(Storm, "east").tell(Storm.blow, 1);
    if (load === "asks") {
      const ref = this.system.ref(Adder, "main");
      for (;;) this.#count(await ref.ask(Adder.next, this.messages));
    }
    const ref = this.system.ref(Counter, "main");
    for (let turn = 1;; turn++) await ref.tell(Counter.add, turn);
  }

  #count(turn: number): void {
    if (turn !== this.messages + 1) throw new Error(`Message ${turn} came after ${this.messages}`);
    this.messages = turn;
  }
}
