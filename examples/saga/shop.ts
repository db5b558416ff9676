import { actor, type LaterOf, protocol, submit, System, tell } from "@posthorn/posthorn";
import { ingress } from "@posthorn/posthorn/http";
import { sqlite } from "@posthorn/posthorn/sqlite";
import * as z from "zod";

const Line = z.object({ sku: z.string(), cents: z.number().int() });
const Bank = protocol("bank", { charge: submit(z.number(), z.string()) });
const Depot = protocol("depot", { ship: submit(z.string(), z.string()) });
const Order = protocol("order", {
  place: submit(Line, z.object({ order: z.string(), parcel: z.string() })),
  paid: tell(z.string()),
  due: tell(),
  shipped: tell(z.string()),
});
interface Open {
  sku?: string;
  answer?: LaterOf<typeof Order.place>;
}

const order = actor(Order, {
  state: (): Open => ({}),
  on: {
    place(ctx, { sku, cents }) {
      ctx.ref(Bank, "main").submit(Bank.charge, cents, { replyTo: ctx.self.at(Order.paid) });
      const answer = ctx.later();
      ctx.state = { sku, answer };
      return answer; // not yet
    },
    paid: (ctx) => ctx.schedule("ship", { afterMs: 2_000 }, ctx.self.at(Order.due)),
    due: (ctx) =>
      void ctx.ref(Depot, "a").submit(Depot.ship, ctx.state.sku!, { replyTo: ctx.self.at(Order.shipped) }),
    shipped: (ctx, parcel) => ctx.reply(ctx.state.answer!, { order: ctx.key, parcel }),
  },
});
const bank = actor(Bank, { state: () => 0, on: { charge: (ctx) => `charge ${ctx.id}` } });
const depot = actor(Depot, { state: () => 0, on: { ship: (_, sku) => `a parcel of ${sku}` } });
const system = new System({ actors: [order, bank, depot], store: sqlite("shop.db") });
export default ingress(system, { expose: [Order.place] });
