import { ask, event, Failure, protocol, submit, tell } from "@posthorn/posthorn";
import * as z from "zod";

const Count = z.number().int().min(1).max(1_000);
const Cents = z.number().int().min(0);
const OfOrder = z.object({ order: z.string() });

export const Purchase = z.object({
  sku: z.string().min(1).max(64),
  count: Count,
  email: z.email().max(254),
});
export type Purchase = z.infer<typeof Purchase>;

export const Status = z.enum([
  "new",
  "reserving",
  "sold-out",
  "unpaid",
  "paying",
  "paid",
  "shipped",
  "cancelled",
]);
export const OrderView = z.object({
  order: z.string(),
  status: Status,
  cents: Cents,
  tracking: z.string().optional(),
});
export type OrderView = z.infer<typeof OrderView>;

/** One for each order; the key is the id that the buyer made up, a UUID. */
export const Order = protocol("order", {
  // What the buyer says.
  place: tell(Purchase),
  pay: tell(z.object({ card: z.string().min(1).max(64) })),
  view: ask(OrderView),
  // What the others answer.
  reserved: tell(z.object({ cents: Cents.nullable() })),
  charged: tell(z.object({ paid: z.boolean() })),
  shipped: tell(z.object({ tracking: z.string() })),
  failed: tell(Failure),
  // What the order says to itself, later.
  remind: tell(),
  expire: tell(),
  // What everybody may hear.
  changed: event(OrderView, { subject: (view) => view.status }),
});

/** One for each article; the key is its number. */
export const Stock = protocol("stock", {
  fill: tell(z.object({ count: Count, cents: Cents })),
  left: ask(z.number()),
  reserve: submit(OfOrder.extend({ count: Count }), z.object({ cents: Cents.nullable() })),
  release: tell(OfOrder),
  sold: tell(OfOrder),
});

/** One for each order. It takes the money, and gives it back. */
export const Payment = protocol("payment", {
  charge: submit(z.object({ card: z.string(), cents: Cents }), z.object({ paid: z.boolean() })),
  refund: tell(),
});

/** One for each order. It sends the parcel, and calls it back. */
export const Parcel = protocol("parcel", {
  ship: submit(z.object({ sku: z.string(), count: Count }), z.object({ tracking: z.string() })),
  recall: tell(),
});

/** One for each address. */
export const Mail = protocol("mail", {
  send: tell(z.object({ subject: z.string(), text: z.string() })),
});

/** There is one; its key is `main`. */
export const Report = protocol("report", {
  start: tell(),
  record: tell(OrderView),
  send: tell(),
  today: ask(z.object({ orders: z.number(), cents: Cents })),
});
