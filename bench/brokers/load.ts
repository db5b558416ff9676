import type { Outcome } from "../contender.ts";
import { percentilesOf } from "../durable/percentiles.ts";

/** How many messages are on their way to the broker at once. */
export const inFlight = 1_000;
/** How many asks are under way at once where they do not wait for each other. */
const callsInFlight = 100;
/** How many asks warm a program up before one is measured: a service runs for days, and its code is compiled by then. */
const warmAsks = 10_000;
/** How many actors receive messages. */
export const receivers = 20;

/** Sends a number of messages, `inFlight` at a time, and waits until each is confirmed. */
export async function sendAll(count: number, send: (index: number) => Promise<unknown>): Promise<void> {
  for (let sent = 0; sent < count;) {
    const size = Math.min(inFlight, count - sent);
    await Promise.all(Array.from({ length: size }, (_, index) => send(sent + index)));
    sent += size;
  }
}

/** Counts what arrives, and resolves when all has. */
export class Arrivals {
  readonly #expected: number;
  readonly #all = Promise.withResolvers<void>();
  count = 0;

  constructor(expected: number) {
    this.#expected = expected;
  }

  get all(): Promise<void> {
    return this.#all.promise;
  }

  arrived(): void {
    if (++this.count === this.#expected) this.#all.resolve();
  }
}

/** Asks one after another, and measures each. */
export async function timeAsks(count: number, ask: (x: number) => Promise<number>): Promise<Outcome> {
  for (let index = 0; index < warmAsks; index++) await ask(index);
  const startMs = performance.now();
  const durations: number[] = [];
  let x = 0;
  for (let index = 0; index < count; index++) {
    const beganMs = performance.now();
    x = await ask(x);
    durations.push(performance.now() - beganMs);
  }
  return { elapsedMs: performance.now() - startMs, check: x, also: percentilesOf(durations) };
}

/** Times from the first send until everything has arrived, and the receiver has `acknowledged` it. */
export async function timeTells(
  count: number,
  arrivals: Arrivals,
  send: (index: number) => Promise<unknown>,
  acknowledged: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Outcome> {
  const startMs = performance.now();
  await Promise.all([sendAll(count, send), arrivals.all]);
  await acknowledged();
  return { elapsedMs: performance.now() - startMs, check: arrivals.count };
}

/** Asks so that many are under way at any time. */
export async function timeCalls(count: number, ask: (x: number) => Promise<number>): Promise<Outcome> {
  for (let index = 0; index < warmAsks; index++) await ask(index);
  const startMs = performance.now();
  let asked = 0;
  let answered = 0;
  await Promise.all(Array.from({ length: callsInFlight }, async () => {
    while (asked < count) {
      const x = asked++;
      if (await ask(x) === x + 1) answered++;
    }
  }));
  return { elapsedMs: performance.now() - startMs, check: answered };
}
