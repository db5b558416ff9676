// counter.js
import { serve } from "@hono/node-server";
import { actor, ask, event, protocol, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import process from "node:process";
import * as z from "zod";

const Counter = protocol("counter", {
  add: tell(z.number()),
  total: ask(z.number()),
  added: event(z.number()),
});
const counter = actor(Counter, {
  state: () => 0,
  on: {
    add(ctx, n) {
      ctx.state += n;
      ctx.publish(Counter.added, n);
    },
    total: (ctx) => ctx.state,
  },
});
const { DB = "./counter.db", PORT = "8000" } = process.env;
const system = new System({ actors: [counter], store: sqlite(DB) });
const { fetch } = ingress(system, { expose: [Counter] });
const server = serve({ fetch, hostname: "127.0.0.1", port: Number(PORT) }, ({ port }) => {
  console.log(`http://127.0.0.1:${port}/`);
});
async function stop() {
  const closed = new Promise((resolve) => server.close(resolve)); // accepts no new connections; requests under way are answered
  await system.stop(); // ends event streams and running turns; other messages stay in the store
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000))]);
  process.exit();
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, stop);
