// What the tests of sending within a transaction share: a shop on PostgreSQL.

import { type Actor, actor, ask, event, protocol, submit, System, tell, unchecked } from "@posthorn/posthorn";
import {
  postgres,
  type PostgresOptions,
  type PostgresStore,
  type Transaction,
} from "@posthorn/posthorn/postgres";
import * as z from "zod";
import { type Client, withDatabase } from "../../../postgres/database.ts";
import type { GivenPostgres } from "../../../postgres/given.ts";

/** An order, which remembers what it is told. */
export const Order = protocol("order", {
  paid: tell(z.object({ cents: z.number() })),
  placed: tell(z.string()),
  ring: tell(),
  priced: tell(z.number()),
  quote: submit(z.number(), z.number()),
  told: ask(unchecked<readonly string[]>()),
  shipped: event(z.object({ to: z.string() }), { subject: ({ to }) => to }),
});

export const order = actor(Order, {
  state: (): readonly string[] => [],
  on: {
    paid: (ctx, { cents }) => void (ctx.state = [...ctx.state, `paid ${cents}`]),
    placed: (ctx, text) => void (ctx.state = [...ctx.state, text]),
    priced: (ctx, cents) => void (ctx.state = [...ctx.state, `priced ${cents}`]),
    ring: (ctx) => void (ctx.state = [...ctx.state, "ring"]),
    quote: (_, cents) => cents * 2,
    told: (ctx) => ctx.state,
  },
});

/** A desk that hears of what is shipped. */
export const Desk = protocol("desk", {
  heard: tell(z.object({ to: z.string() })),
  told: ask(unchecked<readonly string[]>()),
});
export const desk = actor(Desk, {
  state: (): readonly string[] => [],
  on: { heard: (ctx, { to }) => void (ctx.state = [...ctx.state, to]), told: (ctx) => ctx.state },
});

export interface Shop {
  readonly store: PostgresStore;
  readonly system: System;
  /** The client of the user. */
  readonly client: Client;
  /** Runs sends in a transaction of its own. */
  commit(
    send: (tx: Transaction) => Promise<unknown>,
    end?: "COMMIT" | "ROLLBACK",
  ): Promise<void>;
  told(key: string): Promise<readonly string[]>;
  /** Waits until an actor was told that many. */
  until(key: string, count: number): Promise<readonly string[]>;
}

/** A shop on a store, and a client in a database of which the shop knows nothing. */
export async function inShop(
  { url, schema }: GivenPostgres,
  use: (shop: Shop) => Promise<void>,
  { actors = [order, desk], ...options }: PostgresOptions & {
    actors?: Actor[];
  } = {},
): Promise<void> {
  const store = postgres(url, { schema, ...options });
  await using system = new System({ actors, store });
  await system.ready();
  await withDatabase(url, async (client) => {
    const told = (key: string) => system.ref(Order, key).ask(Order.told);
    await use({
      store,
      system,
      client,
      told,
      async commit(send, end = "COMMIT") {
        await client.query("BEGIN");
        await send(store.within(client));
        await client.query(end);
      },
      async until(key, count) {
        for (;;) {
          const all = await told(key);
          if (all.length >= count) return all;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      },
    });
  });
}

/** The code and the message of what a call rejects with or throws. */
export async function failureOf(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    const { name, code, message } = error as Error & { code?: string };
    return `${name} ${code}: ${message}`;
  }
  return "none";
}
