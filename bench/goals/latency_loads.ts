import { actor, ask, protocol, System, tell, unchecked } from "@posthorn/posthorn";

const Storm = protocol("storm", { blow: tell(unchecked<string>()) });
const Heap = protocol("heap", { add: tell(unchecked<number>()) });
const Clerk = protocol("clerk", { next: ask(unchecked<number>(), unchecked<number>()) });

/** The loads beside which asks are measured. */
export const loads = ["nothing", "storm", "backlog"] as const;

/** One of them. */
export type Load = typeof loads[number];

const pairs = 50;

/** A system whose actors are busy, except for one that is asked. */
export class Busy {
  /** The number of messages that the busy actors have handled. */
  messages = 0;
  readonly #system: System;
  readonly #waiting: number;
  #left = 0;

  constructor(size: "full" | "smoke") {
    this.#waiting = size === "full" ? 1_000_000 : 1_000;
    const storm = actor(Storm, {
      state: () => 0,
      on: {
        blow: (ctx, from) => {
          this.messages++;
          ctx.state = ctx.state + 1;
          ctx.ref(Storm, from).tell(Storm.blow, ctx.key);
        },
      },
    });
    const heap = actor(Heap, {
      state: () => 0,
      on: {
        add: (ctx, n) => {
          this.messages++;
          ctx.state = workedOn(ctx.state, n);
          this.#left--;
        },
      },
      mailbox: { capacity: this.#waiting },
    });
    const clerk = actor(Clerk, { state: () => null, on: { next: (_, n) => n + 1 } });
    this.#system = new System({ actors: [storm, heap, clerk] });
  }

  /** Starts the load, which never ends. */
  begin(load: Load): void {
    if (load !== "storm") return;
    for (let pair = 0; pair < pairs; pair++) {
      this.#system.ref(Storm, `${pair} east`).tell(Storm.blow, `${pair} west`);
    }
  }

  /** Fills the mailbox to its bound if it is less than half full. Returns whether it did. */
  refill(): boolean {
    if (this.#left > this.#waiting / 2) return false;
    const heap = this.#system.ref(Heap, "main");
    for (; this.#left < this.#waiting; this.#left++) heap.tell(Heap.add, 1);
    return true;
  }

  /** Asks the idle actor. */
  ask(n: number): Promise<number> {
    return this.#system.ref(Clerk, "main").ask(Clerk.next, n);
  }
}

/** Work of about a microsecond. */
function workedOn(from: number, n: number): number {
  let state = from + n | 0;
  for (let index = 0; index < 700; index++) state = Math.imul(state, 1_664_525) + 1_013_904_223 | 0;
  return state;
}
