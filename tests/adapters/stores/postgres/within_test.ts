// Sending within a transaction of the user.

import assert from "node:assert/strict";
import {
  type Actor,
  actor,
  ask,
  event,
  MailboxFullError,
  protocol,
  submit,
  System,
  tell,
  unchecked,
} from "@posthorn/posthorn";
import { postgres, type PostgresOptions, type PostgresStore } from "@posthorn/posthorn/postgres";
import * as z from "zod";
import { type Client, withDatabase } from "../../../postgres/database.ts";
import { type GivenPostgres, postgresTest } from "../../../postgres/given.ts";

const Order = protocol("order", {
  paid: tell(z.object({ cents: z.number() })),
  placed: tell(z.string()),
  ring: tell(),
  quote: submit(z.number(), z.number()),
  told: ask(unchecked<readonly string[]>()),
  shipped: event(z.object({ to: z.string() }), { subject: ({ to }) => to }),
});

const order = actor(Order, {
  state: (): readonly string[] => [],
  on: {
    paid: (ctx, { cents }) => void (ctx.state = [...ctx.state, `paid ${cents}`]),
    placed: (ctx, text) => void (ctx.state = [...ctx.state, text]),
    ring: (ctx) => void (ctx.state = [...ctx.state, "ring"]),
    quote: (_, cents) => cents * 2,
    told: (ctx) => ctx.state,
  },
});

/** A desk that hears of what is shipped. */
const Desk = protocol("desk", {
  heard: tell(z.object({ to: z.string() })),
  told: ask(unchecked<readonly string[]>()),
});
const desk = actor(Desk, {
  state: (): readonly string[] => [],
  on: { heard: (ctx, { to }) => void (ctx.state = [...ctx.state, to]), told: (ctx) => ctx.state },
});

interface Shop {
  readonly store: PostgresStore;
  readonly system: System;
  /** The client of the user. */
  readonly client: Client;
  /** Runs sends in a transaction of its own. */
  commit(
    send: (tx: ReturnType<PostgresStore["within"]>) => Promise<unknown>,
    end?: "COMMIT" | "ROLLBACK",
  ): Promise<void>;
  told(key: string): Promise<readonly string[]>;
  /** Waits until an actor was told that many. */
  until(key: string, count: number): Promise<readonly string[]>;
}

/** A shop on a store, and a client in a database of which the shop knows nothing. */
async function inShop(
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

postgresTest(
  "within: what is sent is handled after the commit, in order, and never after a rollback",
  async (given) => {
    await inShop(given, async ({ commit, told, until }) => {
      await commit(async (tx) => {
        await tx.ref(Order, "ada").tell(Order.paid, { cents: 1 });
        await tx.ref(Order, "bob").tell(Order.placed, "never");
      }, "ROLLBACK");
      await commit(async (tx) => {
        const ada = tx.ref(Order, "ada");
        await ada.tell(Order.paid, { cents: 2 });
        await Promise.all(["a", "b", "c"].map((text) => ada.tell(Order.placed, text)));
        await ada.tell(Order.ring);
        assert.deepEqual(await told("ada"), [], "nothing before the commit");
      });
      assert.deepEqual(await until("ada", 5), ["paid 2", "a", "b", "c", "ring"]);
      await commit((tx) => tx.ref(Order, "ada").tell(Order.placed, "d"));
      assert.deepEqual((await until("ada", 6)).at(-1), "d");
      assert.deepEqual(await told("bob"), []);
    });
  },
);
