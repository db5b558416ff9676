import { actor } from "@posthorn/posthorn";
import { Stock } from "./protocols.ts";

interface StockState {
  left: number;
  /** Price of one. */
  cents: number;
  /** Reserved quantity of each open order. */
  reserved: Record<string, number>;
}

export const stock = actor(Stock, {
  state: (): StockState => ({ left: 0, cents: 0, reserved: {} }),
  on: {
    fill(ctx, { count, cents }) {
      ctx.state = { ...ctx.state, left: ctx.state.left + count, cents };
    },
    left: (ctx) => ctx.state.left,
    reserve(ctx, { order, count }) {
      const { left, cents, reserved } = ctx.state;
      if (count > left) return { cents: null }; // sold out is a reply, not an error
      ctx.state = { left: left - count, cents, reserved: { ...reserved, [order]: count } };
      return { cents: count * cents };
    },
    release(ctx, { order }) {
      const { [order]: count = 0, ...reserved } = ctx.state.reserved;
      ctx.state = { ...ctx.state, left: ctx.state.left + count, reserved };
    },
    sold(ctx, { order }) {
      const { [order]: _, ...reserved } = ctx.state.reserved;
      ctx.state = { ...ctx.state, reserved };
    },
  },
});
