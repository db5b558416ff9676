import type { Contender } from "../contender.ts";
import { timedLoop } from "../timed.ts";
import { bigActors, burstLength, forkJoinActors, ringLength } from "../workloads.ts";

/** A message that names its receiver by number. */
interface Message {
  readonly to: number;
  readonly n: number;
}

/** One shared queue: a circular buffer that grows to the maximum number of waiting messages. */
class Ring {
  #places: (Message | undefined)[] = new Array(1_024).fill(undefined);
  #head = 0;
  #length = 0;

  put(message: Message): void {
    if (this.#length === this.#places.length) this.#grow();
    this.#places[(this.#head + this.#length++) & (this.#places.length - 1)] = message;
  }

  take(): Message | undefined {
    if (this.#length === 0) return undefined;
    const message = this.#places[this.#head];
    this.#places[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#places.length - 1);
    this.#length--;
    return message;
  }

  #grow(): void {
    const old = this.#places;
    const places = new Array(old.length * 2).fill(undefined);
    for (let index = 0; index < old.length; index++) {
      places[index] = old[(this.#head + index) & (old.length - 1)];
    }
    this.#head = 0;
    this.#places = places;
  }
}

export const contender: Contender = {
  id: "ringLoop",
  label: "ring buffer loop",
  form:
    "A floor: one ring buffer for all, and a loop that takes fresh message objects out of it and handles them. There is no " +
    "actor, so nothing is woken and nobody can wait for a reply: it has no asks, no actors to make and no subscribers.",
  workloads: {
    count: (size) =>
      timedLoop(() => {
        const ring = new Ring();
        for (let index = 0; index < size; index++) ring.put({ to: 0, n: 1 });
        let count = 0;
        for (let message = ring.take(); message !== undefined; message = ring.take()) count += message.n;
        return count;
      }),
    burst: (size) =>
      timedLoop(() => {
        const ring = new Ring();
        let count = 0;
        for (let left = size; left > 0; left -= burstLength) {
          const many = Math.min(left, burstLength);
          for (let index = 0; index < many; index++) ring.put({ to: 0, n: 1 });
          for (let message = ring.take(); message !== undefined; message = ring.take()) count += message.n;
        }
        return count;
      }),
    pingPong: (size) =>
      timedLoop(() => {
        const ring = new Ring();
        let pongs = 0;
        ring.put({ to: 1, n: 0 });
        for (let message = ring.take(); message !== undefined; message = ring.take()) {
          if (message.to === 1) ring.put({ to: message.n, n: 1 });
          else if (++pongs < size) ring.put({ to: message.n, n: 0 });
        }
        return pongs;
      }),
    ring: (size) =>
      timedLoop(() => {
        const ring = new Ring();
        ring.put({ to: 0, n: size });
        for (let message = ring.take(); message !== undefined; message = ring.take()) {
          const { to, n } = message;
          if (n === 0) return to;
          ring.put({ to: (to + 1) % ringLength, n: n - 1 });
        }
        return -1;
      }),
    big: (size) =>
      timedLoop(() => {
        const ring = new Ring();
        const received: number[] = new Array(bigActors).fill(0);
        const sendAll = (from: number) => {
          for (let to = 0; to < bigActors; to++) if (to !== from) ring.put({ to, n: 1 });
        };
        for (let from = 0; from < bigActors; from++) sendAll(from);
        let total = 0;
        for (let message = ring.take(); message !== undefined; message = ring.take()) {
          const { to, n } = message;
          total += n;
          received[to] += n;
          if (received[to] % (bigActors - 1) === 0 && received[to] < size * (bigActors - 1)) sendAll(to);
        }
        return total;
      }),
    forkJoin: (size) =>
      timedLoop(() => {
        const ring = new Ring();
        const counts: number[] = new Array(forkJoinActors).fill(0);
        for (let index = 0; index < size; index++) ring.put({ to: index % forkJoinActors, n: 1 });
        for (let message = ring.take(); message !== undefined; message = ring.take()) {
          counts[message.to] += message.n;
        }
        return counts.reduce((sum, count) => sum + count, 0);
      }),
  },
};
