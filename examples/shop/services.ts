import { type Actor, actor } from "@posthorn/posthorn";
import type { Outside } from "./outside.ts";
import { Mail, Parcel, Payment } from "./protocols.ts";

/** The actors that call outside services. Such calls may be slow or fail, so each has an actor of its own. */
export function services(outside: Outside): Actor[] {
  const payment = actor(Payment, {
    state: () => ({ refunded: false }),
    on: {
      async charge(ctx, { card, cents }) {
        if (ctx.state.refunded) return { paid: false }; // the order was cancelled before
        return await outside.charge(ctx, ctx.key, card, cents);
      },
      async refund(ctx) {
        await outside.refund(ctx, ctx.key); // the bank knows whether there was a charge
        ctx.state = { refunded: true };
      },
    },
  });
  const parcel = actor(Parcel, {
    state: () => ({ recalled: false }),
    on: {
      async ship(ctx, { sku, count }) {
        if (ctx.state.recalled) return { tracking: "recalled" };
        return await outside.ship(ctx, ctx.key, sku, count);
      },
      async recall(ctx) {
        await outside.recall(ctx, ctx.key);
        ctx.state = { recalled: true };
      },
    },
  });
  const mail = actor(Mail, {
    state: () => null,
    on: { send: (ctx, { subject, text }) => outside.mail(ctx, ctx.key, subject, text) },
    retry: { attempts: 20, order: "aside" }, // a mail that cannot be sent does not delay the next one
  });
  return [payment, parcel, mail];
}
