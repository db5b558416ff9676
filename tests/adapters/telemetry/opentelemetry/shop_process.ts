// A process of a shop, which is traced by OpenTelemetry. Arguments: the file of its store, an address outside, and `stuck`
// if the stock of this process never answers.

import { actor, protocol, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { openTelemetry } from "@posthorn/posthorn/opentelemetry";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";

const [path, outside, stuck] = Deno.args;

const Order = protocol("order", { place: tell(z.string()) });
const Stock = protocol("stock", { take: tell(z.string()) });
const order = actor(Order, {
  state: () => 0,
  on: { place: (ctx, sku) => ctx.ref(Stock, "main").tell(Stock.take, sku) },
});
const stock = actor(Stock, {
  state: () => 0,
  on: {
    async take() {
      if (stuck !== undefined) await new Promise<void>(() => {});
      const answer = await fetch(`${outside}/outside`);
      await answer.body?.cancel();
    },
  },
});

const system = new System({ actors: [order, stock], store: sqlite(path), intercept: [openTelemetry()] });
await system.ready();
const app = ingress(system, { expose: [Order.place] });
Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) }, app.fetch);
