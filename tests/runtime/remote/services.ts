import {
  type Actor,
  actor,
  ask,
  event,
  protocol,
  submit,
  survey,
  System,
  type SystemOptions,
  tell,
} from "@posthorn/posthorn";
import { type MemoryBroker, memoryBroker, memoryStore, memoryTransport } from "@posthorn/posthorn/memory";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import type { Transport } from "@posthorn/posthorn/transport";
import * as z from "zod";

/** What the shop hosts. */
export const Order = protocol("order", {
  add: tell(z.string()),
  lines: ask(z.array(z.string())),
  settle: submit(z.number(), z.string()),
  settled: event(z.string(), { subject: (text) => text.split(" ")[0] }),
  buy: tell(z.string()),
});

/** What the books host. */
export const Ledger = protocol("ledger", {
  note: tell(z.string()),
  lines: ask(z.array(z.string())),
  book: submit(z.number(), z.string()),
  booked: tell(z.string()),
  failed: tell(z.object({ id: z.string(), code: z.string(), message: z.string() })),
});

/** A survey that carriers answer. */
export const Carrier = protocol("carrier", { quote: survey(z.number(), z.number()) });

type Lines = readonly string[];

export function order(): Actor {
  return actor(Order, {
    state: (): Lines => [],
    on: {
      add: (ctx, line) => void (ctx.state = [...ctx.state, line]),
      lines: (ctx) => ctx.state,
      settle: (ctx, cents) => {
        if (cents < 0) throw new Error("less than nothing");
        ctx.state = [...ctx.state, `settled ${cents}`];
        ctx.publish(Order.settled, `de ${ctx.key}`);
        return `${ctx.key} ${cents}`;
      },
      buy: (ctx, line) => {
        ctx.ref(Ledger, "main").tell(Ledger.note, `bought ${line}`);
      },
    },
    retry: { attempts: 1 },
  });
}

export function ledger(): Actor {
  return actor(Ledger, {
    state: (): Lines => [],
    on: {
      note: (ctx, line) => void (ctx.state = [...ctx.state, line]),
      lines: (ctx) => ctx.state,
      book: (ctx, cents) => {
        const { key } = ctx;
        const replyTo = ctx.self.at(Ledger.booked);
        ctx.ref(Order, key).submit(Order.settle, cents, { replyTo, failTo: ctx.self.at(Ledger.failed) });
        return "booking";
      },
      booked: (ctx, line) => void (ctx.state = [...ctx.state, `booked ${line}`]),
      failed: (ctx, { code }) => void (ctx.state = [...ctx.state, `failed ${code}`]),
    },
  });
}

/** Services in one process, on one clock and one broker. */
export class Services implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly broker: MemoryBroker = memoryBroker();
  readonly #random = seededRandom(7);
  readonly #systems: System[] = [];

  /** Starts a service, and waits until it reads its channels. */
  async start(
    name: string,
    actors: readonly Actor[],
    { expose = [], ...options }: Partial<SystemOptions> & { readonly expose?: Transport["expose"] },
  ): Promise<System> {
    const system = new System({
      name,
      actors,
      transport: memoryTransport({ broker: this.broker, expose }),
      clock: this.clock,
      random: this.#random,
      drainMs: 0,
      log: false,
      ...options,
    });
    this.#systems.push(system);
    await system.ready();
    await this.settle();
    return system;
  }

  /** The shop, which hosts orders. */
  shop(stored: boolean): Promise<System> {
    return this.start("shop", [order()], {
      ...stored && { store: memoryStore() },
      expose: [Order.add, Order.lines, Order.settle, Order.settled, Carrier],
      remote: [Ledger.note],
    });
  }

  /** The books, which speak to the shop. */
  books(stored: boolean): Promise<System> {
    return this.start("books", [ledger()], {
      ...stored && { store: memoryStore() },
      expose: [Ledger.note],
      remote: [Order, Carrier.quote],
    });
  }

  /** Runs everything that does not depend on a long timer. */
  async settle(): Promise<void> {
    for (let round = 0; round < 20; round++) {
      await this.clock.settle();
    }
  }

  /** Lets time pass in steps. */
  async pass(byMs: number, stepMs = 100): Promise<void> {
    for (let leftMs = byMs; leftMs > 0; leftMs -= stepMs) {
      await this.clock.advance(Math.min(stepMs, leftMs));
      await this.settle();
    }
  }

  /** Lets time pass until a promise settles. */
  async during<Result>(promise: Promise<Result>, mostMs = 20_000): Promise<Result> {
    let settled = false;
    const done = () => void (settled = true);
    promise.then(done, done);
    for (let ms = 0; !settled && ms < mostMs; ms += 50) {
      await this.settle();
      if (!settled) await this.clock.advance(50);
    }
    return await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const system of this.#systems) await this.during(system.stop({ drainMs: 0 }));
  }
}
