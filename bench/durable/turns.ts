import { cpuUsage } from "node:process";
import { actor, ask, protocol, type Store, System, tell } from "@posthorn/posthorn";
import * as z from "zod";
import type { Outcome } from "../contender.ts";
import { percentilesOf } from "./percentiles.ts";
import { type Following, watched } from "./watched_store.ts";

/** The state of each actor. */
const Cart = protocol("cart", {
  add: tell(z.object({ sku: z.string(), cents: z.number().int() })),
  total: ask(z.number()),
});

/** The number of messages in flight, from sending until their turn is committed. */
export const inFlight = 1_000;

/**
 * `overflow` never applies, because no mailbox is full here; but with `drop-oldest` each message is stored
 * before its turn.
 */
function cart(overflow: "reject" | "drop-oldest") {
  return actor(Cart, {
    state: () => ({ cents: 0, lines: 0 }),
    on: {
      add: (ctx, line) =>
        void (ctx.state = { cents: ctx.state.cents + line.cents, lines: ctx.state.lines + 1 }),
      total: (ctx) => ctx.state.lines,
    },
    mailbox: { capacity: 2 * inFlight, overflow },
    idleMs: 3_600_000,
  });
}

const Stepper = protocol("stepper", { next: ask(z.number().int(), z.number().int()) });

/** Replies with the received number plus one, and stores it. */
export const stepper = {
  protocol: Stepper,
  actor: actor(Stepper, { state: () => 0, on: { next: (ctx, x) => ctx.state = x + 1 }, idleMs: 3_600_000 }),
};

/** A system of carts on a store, with an observer of its commits. */
export class Carts implements AsyncDisposable {
  readonly #system: System;
  readonly #following: Following;
  readonly #actors: number;

  /** With `stored`, each message is committed separately before it is handled. */
  constructor(store: Store, following: Following, actors: number, stored = false) {
    const actor = cart(stored ? "drop-oldest" : "reject");
    this.#system = new System({ actors: [actor], store: watched(store, following) });
    this.#following = following;
    this.#actors = actors;
  }

  /** Sends a message to the next cart in turn; resolves when it is accepted. */
  add(index: number): Promise<void> {
    const key = String(index % this.#actors);
    this.#following.sent(key);
    return this.#system.ref(Cart, key).tell(Cart.add, { sku: "tea", cents: 450 });
  }

  /** The count of one cart. */
  total(index: number): Promise<number> {
    return this.#system.ref(Cart, String(index)).ask(Cart.total, { timeoutMs: 60_000 });
  }

  /** The sum of all counts. */
  async totals(): Promise<number> {
    let sum = 0;
    for (let from = 0; from < this.#actors; from += inFlight) {
      const length = Math.min(inFlight, this.#actors - from);
      const totals = await Promise.all(Array.from({ length }, (_, index) => this.total(from + index)));
      sum += totals.reduce((all, total) => all + total, 0);
    }
    return sum;
  }

  /** Sends messages with a bounded number in flight; resolves when the turn of the last one is committed. */
  flood(count: number, together = inFlight): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const following = this.#following;
    const before = following.done;
    let sent = 0;
    const send = () => {
      const until = Math.min(following.done - before + together, count);
      for (; sent < until; sent++) this.add(sent).catch(reject);
      if (following.done - before === count) resolve();
    };
    following.onDone(send);
    send();
    return promise;
  }

  /**
   * Sends a single message; resolves when it is done, with the times of sending, acceptance and completion.
   */
  async alone(index: number): Promise<{ sentMs: number; acceptedMs: number; doneMs: number }> {
    const done = new Promise<number>((resolve) => this.#following.onDone(() => resolve(performance.now())));
    const sentMs = performance.now();
    await this.add(index);
    const acceptedMs = performance.now();
    return { sentMs, acceptedMs, doneMs: await done };
  }

  /** Resolves when this many messages have been completed in total. */
  drained(until: number): Promise<void> {
    const following = this.#following;
    return new Promise((resolve) => {
      const look = () => {
        if (following.done >= until) resolve();
      };
      following.onDone(look);
      look();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#system.stop({ drainMs: 0 });
  }
}

/** The processor time of this process, in microseconds. */
export function processorMicros(): number {
  const { user, system } = cpuUsage();
  return user + system;
}

/**
 * Runs durable turns: messages to a number of actors in turn, with a bounded number in flight. As many turns
 * before warm up, and load the actors. The check is the sum of the actors' counts.
 */
export async function turns(
  store: Store,
  following: Following,
  { actors, count, stored }: { readonly actors: number; readonly count: number; readonly stored?: boolean },
): Promise<Outcome> {
  await using carts = new Carts(store, following, actors, stored);
  const warming = warmingOf(actors, count);
  await carts.flood(warming);
  following.begin();
  const startMicros = processorMicros();
  const startMs = performance.now();
  await carts.flood(count);
  const elapsedMs = performance.now() - startMs;
  following.end();
  const processor = (processorMicros() - startMicros) / count;
  const { commits, parts, writes, removals, latenciesMs } = following;
  const also = {
    ...percentilesOf(latenciesMs),
    partsPerCommit: parts / commits,
    rowsPerTurn: (writes + removals) / count,
    processorMicrosPerTurn: processor,
  };
  return { elapsedMs, check: await carts.totals() - warming, also };
}

/** The number of messages of the warm-up: at least one for every actor. */
export function warmingOf(actors: number, count: number): number {
  return Math.max(actors, count);
}
