// Who asks a system while it stops, or when it has, leaves nothing that the clock calls later.

import assert from "node:assert/strict";
import { type Cancel, type Clock, type Store, System, systemClock } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { sqlite } from "@posthorn/posthorn/sqlite";

/** The clock of the machine. It counts what it has yet to call. */
class CountedClock implements Clock {
  readonly #clock = systemClock();
  readonly #open = new Set<() => void>();
  /** How long each read takes, in milliseconds, as if the machine had much to do. */
  readonly #readMs: number;
  #readsMs = 0;

  constructor(readMs: number) {
    this.#readMs = readMs;
  }

  get open(): number {
    return this.#open.size;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs() + (this.#readsMs += this.#readMs);
  }

  setTimer(delayMs: number, callback: () => void): Cancel {
    const call = this.#counted(callback);
    const cancel = this.#clock.setTimer(delayMs, call);
    return () => {
      this.#open.delete(call);
      cancel();
    };
  }

  macrotask(callback: () => void): void {
    this.#clock.macrotask(this.#counted(callback));
  }

  yield(callback: () => void): void {
    this.#clock.yield(this.#counted(callback));
  }

  #counted(callback: () => void): () => void {
    const call = () => {
      this.#open.delete(call);
      callback();
    };
    this.#open.add(call);
    return call;
  }
}

const stores: Readonly<Record<string, () => Store | undefined>> = {
  "in memory": () => undefined,
  "on a store in memory": memoryStore,
  "on SQLite in memory": () => sqlite(":memory:"),
};

for (const [where, open] of Object.entries(stores)) {
  Deno.test(`${where}: questions to a system that stops leave nothing that the clock calls later`, async () => {
    for (const readMs of [0, 2]) {
      for (let microtasks = 0; microtasks < 200; microtasks += 9) {
        const clock = new CountedClock(readMs);
        const store = open();
        const system = new System({ actors: [], clock, ...store !== undefined && { store } });
        await system.ready();
        using _ = system.inspect(() => {}, { sampled: true }); // as a console does
        const ask = () => system.observe.protocols().then(() => {}, () => {});
        const asked = Array.from({ length: 12 }, ask);
        for (let passed = 0; passed < microtasks; passed++) await Promise.resolve();
        const stopped = system.stop({ drainMs: microtasks % 2 === 0 ? 0 : 100 });
        for (let passed = 0; passed < microtasks; passed++) await Promise.resolve();
        asked.push(ask(), ask(), ask());
        await stopped;
        assert.equal(clock.open, 0, "when it has stopped");
        await Promise.all(asked);
        for (let times = 0; times < 20; times++) await ask();
        assert.equal(clock.open, 0, "when all were answered");
      }
    }
  });
}
