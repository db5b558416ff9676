import { type Actor, actor } from "@posthorn/posthorn";
import type { Outside } from "./outside.ts";
import { Carrier, Mail, Parcel, Payment } from "./protocols.ts";

/** A call that takes longer fails, and is tried again. At most so many of a protocol wait for one at a time. */
const limits = { turnMs: 10_000, concurrency: 20 };

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
    ...limits,
  });
  const parcel = actor(Parcel, {
    state: () => ({ recalled: false }),
    on: {
      async ship(ctx, { sku, count, carrier }) {
        if (ctx.state.recalled) return { tracking: "recalled" };
        return await outside.ship(ctx, ctx.key, carrier, sku, count);
      },
      async recall(ctx) {
        await outside.recall(ctx, ctx.key);
        ctx.state = { recalled: true };
      },
    },
    ...limits,
  });
  const carrier = actor(Carrier, {
    transient: true, // it has nothing to store
    state: () => null,
    on: {
      async quote(ctx, { count }) {
        const { days } = await outside.quote(ctx, ctx.key, count);
        return days === null ? undefined : { carrier: ctx.key, days }; // undefined: it abstains
      },
    },
    ...limits,
  });
  const mail = actor(Mail, {
    state: () => null,
    on: { send: (ctx, { subject, text }) => outside.mail(ctx, ctx.key, subject, text) },
    retry: { attempts: 20, order: "aside" }, // a mail that cannot be sent does not delay the next one
    ...limits,
  });
  return [payment, parcel, carrier, mail];
}
