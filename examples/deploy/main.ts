/// <reference lib="deno.unstable" />
/**
 * Durable actors on Deno Deploy, in the database that is assigned to the app. A cron job sweeps once a minute, so due
 * schedules and the messages of stopped instances are handled even without a request. `docs/deploy.md` explains it. To
 * try it with a file:
 *
 * KV_PATH=./posthorn.kv deno run -A --unstable-kv --unstable-cron examples/deploy/main.ts
 */

import { actor, ask, protocol, submit, System, tell } from "@posthorn/posthorn";
import { denoKv } from "@posthorn/posthorn/deno-kv";
import { ingress } from "@posthorn/posthorn/http";
import * as z from "zod";

const Line = z.object({ sku: z.string(), cents: z.number().int() });
const Receipt = z.object({ cart: z.string(), cents: z.number() });
const Cart = protocol("cart", {
  add: tell(Line),
  total: ask(z.number()),
  settle: submit(Receipt),
  expire: tell(z.null()),
});
const keptMs = 24 * 60 * 60 * 1_000;

const cart = actor(Cart, {
  state: () => ({ cents: 0 }),
  on: {
    add(ctx, { cents }) {
      ctx.state = { cents: ctx.state.cents + cents };
      ctx.schedule("expire", { afterMs: keptMs }, ctx.self.at(Cart.expire), null); // the app may be stopped by then
    },
    total: (ctx) => ctx.state.cents,
    settle(ctx) {
      const receipt = { cart: ctx.key, cents: ctx.state.cents };
      ctx.erase();
      return receipt;
    },
    expire: (ctx) => ctx.erase(),
  },
});

const system = new System({ actors: [cart], store: denoKv(Deno.env.get("KV_PATH")) });

// At the top level, where Deno Deploy finds it when it builds. Nothing else wakes an app that gets no requests.
const stopping = new AbortController();
void Deno.cron("sweep", "* * * * *", { signal: stopping.signal }, () => system.sweep());

const app = ingress(system, { expose: [Cart.add, Cart.total, Cart.settle] });
const server = Deno.serve({
  port: Number(Deno.env.get("PORT") ?? 8_000),
  onListen: ({ port }) => console.log(`Listening on http://localhost:${port}/`),
}, app.fetch);

// /healthz shows the name and the status of the store. The reason goes to the log.
system.ready().catch(() => {}).then(() => {
  const { name, status, reason } = system.health.store!;
  const hint = status === "unverified"
    ? ". The first time that is so; after that it means that the store is volatile: is a database assigned to this app?"
    : "";
  const log = status === "durable" ? console.log : console.warn;
  log(`The store (${name}) is ${status}: ${reason}${hint}`);
});

// Deno Deploy sends SIGINT, and ends the process 5 s later. Waiting messages are in the store, for the next instance.
const signals = ["SIGINT", "SIGTERM"] as const;
for (const signal of signals) Deno.addSignalListener(signal, stop);

async function stop(): Promise<void> {
  for (const signal of signals) Deno.removeSignalListener(signal, stop);
  stopping.abort();
  await system.stop({ drainMs: 300 });
  // Deno 2.5 may wait minutes for an unused connection.
  const late = new Promise((resolve) => setTimeout(resolve, 300, "late"));
  const closed = await Promise.race([server.shutdown(), late]);
  console.log("Stopped.");
  if (closed === "late") Deno.exit();
}
