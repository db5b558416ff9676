import type { Contender } from "../contender.ts";
import { timed, timedCreation, timedLoop } from "../timed.ts";
import { asksInFlight, bigActors, forkJoinActors, ringLength, subscribers } from "../workloads.ts";

/** The equivalent of an actor without actors: an object with a method. */
class Counter {
  #count = 0;

  add(message: { readonly n: number }): number {
    return this.#count += message.n;
  }
}

/** A player that returns its argument. */
class Player {
  answer(message: { readonly from: Player }): { readonly from: Player } {
    return message.from === this ? message : { from: this };
  }
}

/** Calls objects in turn, each time with a new message, and sums their counts in the end. */
function callAll(many: number, size: number): number {
  const counters = Array.from({ length: many }, () => new Counter());
  for (let index = 0; index < size; index++) counters[index % many].add({ n: 1 });
  return counters.reduce((sum, counter) => sum + counter.add({ n: 0 }), 0);
}

// deno-lint-ignore require-await -- represents a function that awaits something
async function successor(x: number): Promise<number> {
  return x + 1;
}

async function askInTurn(times: number): Promise<number> {
  let x = 0;
  for (let index = 0; index < times; index++) x = await successor(x);
  return x;
}

export const contender: Contender = {
  id: "functionCall",
  label: "function call",
  form:
    "A floor: objects whose methods are called with a fresh message object each time, where an ask is the await of an " +
    "async function. Nothing waits in a mailbox, and the compiler may well leave out message and call. A burst is the " +
    "same as a count here, and submit and survey have no counterpart.",
  workloads: {
    count: (size) => timedLoop(() => callAll(1, size)),
    burst: (size) => timedLoop(() => callAll(1, size)),
    pingPong: (size) =>
      timedLoop(() => {
        const [ping, pong] = [new Player(), new Player()];
        let pongs = 0;
        for (let index = 0; index < size; index++) {
          if (pong.answer({ from: ping }).from === pong) pongs++;
        }
        return pongs;
      }),
    ring: (size) =>
      timedLoop(() => {
        const links = Array.from({ length: ringLength }, (_, index) => ({
          pass: (message: { readonly left: number }) =>
            message.left === 0 ? index : { left: message.left - 1 },
        }));
        let message = { left: size };
        for (let index = 0;; index = (index + 1) % ringLength) {
          const passed = links[index].pass(message);
          if (typeof passed === "number") return passed;
          message = passed;
        }
      }),
    big: (size) =>
      timedLoop(() => {
        const counters = Array.from({ length: bigActors }, () => new Counter());
        for (let round = 0; round < size; round++) {
          for (let from = 0; from < bigActors; from++) {
            for (let to = 0; to < bigActors; to++) if (to !== from) counters[to].add({ n: 1 });
          }
        }
        return counters.reduce((sum, counter) => sum + counter.add({ n: 0 }), 0);
      }),
    forkJoin: (size) => timedLoop(() => callAll(forkJoinActors, size)),
    create: (size) =>
      timedCreation((done, counters: Counter[]) => {
        let count = 0;
        for (let index = 0; index < size; index++) {
          const counter = new Counter();
          counters.push(counter);
          count += counter.add({ n: 1 });
        }
        done(count);
      }),
    askOne: (size) => timed(async (done) => done(await askInTurn(size))),
    askMany: (size) =>
      timed(async (done) => {
        const loops = Array.from({ length: asksInFlight }, () => askInTurn(size / asksInFlight));
        done((await Promise.all(loops)).reduce((sum, x) => sum + x, 0));
      }),
    publish: (size) =>
      timedLoop(() => {
        const counters = Array.from({ length: subscribers }, () => new Counter());
        for (let left = size; left > 0; left--) {
          const event = { n: 1 };
          for (const counter of counters) counter.add(event);
        }
        return counters.reduce((sum, counter) => sum + counter.add({ n: 0 }), 0);
      }),
  },
};
