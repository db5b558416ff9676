import { actor, type Context, type LaterOf } from "@posthorn/posthorn";
import { Mail, Order, type OrderView, Parcel, Payment, type Purchase, Stock } from "./protocols.ts";

const hourMs = 60 * 60 * 1_000;

interface OrderState {
  status: OrderView["status"];
  cents: number;
  purchase?: Purchase;
  tracking?: string;
  /** The checkout that the buyer waits for, and the right to answer it. */
  checkout?: { id: string; carrier: "post" | "express"; answer: LaterOf<typeof Order.checkout> };
}
type OrderContext = Context<"order", OrderState>;

export const order = actor(Order, {
  state: (): OrderState => ({ status: "new", cents: 0 }),
  on: {
    place(ctx, purchase) {
      if (ctx.state.status !== "new") return; // already placed: a repeated request changes nothing
      ctx.state = { ...ctx.state, status: "reserving", purchase };
      const { sku, count } = purchase;
      ctx.ref(Stock, sku).submit(Stock.reserve, { order: ctx.key, count }, {
        replyTo: ctx.self.at(Order.reserved),
        failTo: ctx.self.at(Order.failed),
      });
    },
    reserved(ctx, { cents }) {
      const { status, purchase } = ctx.state;
      if (purchase === undefined) return;
      if (status !== "reserving") { // cancelled in the meantime
        return ctx.ref(Stock, purchase.sku).tell(Stock.release, { order: ctx.key });
      }
      if (cents === null) return change(ctx, { status: "sold-out" });
      change(ctx, { status: "unpaid", cents });
      ctx.self.tell(Order.remind, { afterMs: hourMs });
      ctx.schedule("expire", { afterMs: 24 * hourMs }, ctx.self.at(Order.expire));
    },
    checkout(ctx, { card, carrier }) {
      if (ctx.state.status !== "unpaid") return viewOf(ctx.key, ctx.state); // it cannot be paid now
      const answer = ctx.later({ failTo: ctx.self.at(Order.withdrawn) });
      change(ctx, { status: "paying", checkout: { id: ctx.id, carrier, answer } });
      ctx.cancel("expire");
      ctx.ref(Payment, ctx.key).submit(Payment.charge, { card, cents: ctx.state.cents }, {
        replyTo: ctx.self.at(Order.charged),
        failTo: ctx.self.at(Order.failed),
      });
      return answer; // not yet
    },
    charged(ctx, { paid }) {
      const { status, purchase, checkout } = ctx.state;
      if (status !== "paying" || purchase === undefined || checkout === undefined) return; // cancelled in the meantime
      if (!paid) { // the buyer may try another card
        ctx.schedule("expire", { afterMs: hourMs }, ctx.self.at(Order.expire));
        return finish(ctx, { status: "unpaid" });
      }
      change(ctx, { status: "paid" });
      const { sku, count } = purchase;
      ctx.ref(Parcel, ctx.key).submit(Parcel.ship, { sku, count, carrier: checkout.carrier }, {
        replyTo: ctx.self.at(Order.shipped),
        failTo: ctx.self.at(Order.failed),
      });
    },
    shipped(ctx, { tracking }) {
      const { status, purchase } = ctx.state;
      if (status !== "paid" || purchase === undefined) return;
      finish(ctx, { status: "shipped", tracking });
      ctx.ref(Stock, purchase.sku).tell(Stock.sold, { order: ctx.key });
    },
    failed: (ctx) => undo(ctx, "something went wrong, and nothing is charged"),
    withdrawn(ctx, { id }) { // the buyer took the checkout back: nobody waits for its answer
      const { checkout, ...state } = ctx.state;
      if (checkout?.id !== id) return;
      ctx.state = state;
      undo(ctx, "the checkout was taken back");
    },
    remind(ctx) {
      if (ctx.state.status === "unpaid") mail(ctx, "it waits to be paid");
    },
    expire(ctx) {
      if (ctx.state.status === "unpaid") undo(ctx, "it was not paid in time");
    },
    view: (ctx) => viewOf(ctx.key, ctx.state),
  },
});

/** Undoes the earlier steps. Each receiver knows whether it has anything to undo. */
function undo(ctx: OrderContext, why: string): void {
  const { status, purchase } = ctx.state;
  if (purchase === undefined || status === "shipped" || status === "cancelled") return;
  finish(ctx, { status: "cancelled" });
  ctx.ref(Parcel, ctx.key).tell(Parcel.recall);
  ctx.ref(Payment, ctx.key).tell(Payment.refund);
  ctx.ref(Stock, purchase.sku).tell(Stock.release, { order: ctx.key });
  mail(ctx, `it is cancelled: ${why}`);
}

function mail(ctx: OrderContext, text: string): void {
  const { purchase } = ctx.state;
  if (purchase === undefined) return;
  ctx.ref(Mail, purchase.email).tell(Mail.send, { subject: `Order ${ctx.key}`, text });
}

function change(ctx: OrderContext, changes: Partial<OrderState>): void {
  ctx.state = { ...ctx.state, ...changes };
  ctx.publish(Order.changed, viewOf(ctx.key, ctx.state));
}

/** Changes the order, and answers the checkout if the buyer waits for it. */
function finish(ctx: OrderContext, changes: Partial<OrderState>): void {
  const { checkout, ...state } = ctx.state;
  ctx.state = state;
  change(ctx, changes);
  if (checkout !== undefined) ctx.reply(checkout.answer, viewOf(ctx.key, ctx.state));
}

function viewOf(key: string, { status, cents, tracking }: OrderContext["state"]): OrderView {
  return { order: key, status, cents, ...(tracking !== undefined && { tracking }) };
}
