/// <reference lib="deno.unstable" />
/**
 * Durable actors on Deno Deploy: on the database that is assigned to the app, looked after once a minute, so that what
 * is due or was left behind runs although nobody calls. `docs/deploy.md` goes through it. Here, on a file:
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

// At the top level: Deno Deploy finds it there when it builds. Nothing else wakes an app that nobody calls.
const stopping = new AbortController();
void Deno.cron("sweep", "* * * * *", { signal: stopping.signal }, () => system.sweep());

const app = ingress(system, { expose: [Cart.add, Cart.total, Cart.settle] });
const server = Deno.serve({
  port: Number(Deno.env.get("PORT") ?? 8_000),
  onListen: ({ port }) => console.log(`Listening on http://localhost:${port}/`),
}, app.fetch);

// /healthz says name and status for as long as it runs; why is for the log.
system.ready().catch(() => {}).then(() => {
  const { name, status, reason } = system.health.store!;
  const hint = status === "unverified"
    ? ". The first time that is so; after that it means that the store is volatile: is a database assigned to this app?"
    : "";
  const log = status === "durable" ? console.log : console.warn;
  log(`The store (${name}) is ${status}: ${reason}${hint}`);
});

// Deno Deploy sends SIGINT, and ends the process 5 s later. What still waits is in the store, for the next instance.
const signals = ["SIGINT", "SIGTERM"] as const;
for (const signal of signals) Deno.addSignalListener(signal, stop);

async function stop(): Promise<void> {
  for (const signal of signals) Deno.removeSignalListener(signal, stop);
  stopping.abort();
  await system.stop({ drainMs: 300 });
  // Deno 2.5 may wait minutes for a connection that nobody uses any more.
  const late = new Promise((resolve) => setTimeout(resolve, 300, "late"));
  const closed = await Promise.race([server.shutdown(), late]);
  console.log("Stopped.");
  if (closed === "late") Deno.exit();
}
