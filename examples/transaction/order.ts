import { actor, ask, protocol, tell } from "@posthorn/posthorn";
import * as z from "zod";

export const Order = protocol("order", {
  paid: tell(z.object({ cents: z.number() })),
  total: ask(z.number()),
});

export const order = actor(Order, {
  state: () => 0,
  on: {
    paid: (ctx, { cents }) => {
      ctx.state += cents;
    },
    total: (ctx) => ctx.state,
  },
});
