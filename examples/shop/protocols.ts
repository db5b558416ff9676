import { ask, event, Failure, protocol, submit, survey, tell } from "@posthorn/posthorn";
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

export const CarrierName = z.enum(["post", "express"]);

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

/** One actor for each order. The key is a UUID that the client of the buyer has chosen. */
export const Order = protocol("order", {
  // From the buyer.
  place: tell(Purchase),
  checkout: submit(z.object({ card: z.string().min(1).max(64), carrier: CarrierName }), OrderView),
  view: ask(OrderView),
  // Replies of the other actors.
  reserved: tell(z.object({ cents: Cents.nullable() })),
  charged: tell(z.object({ paid: z.boolean() })),
  shipped: tell(z.object({ tracking: z.string() })),
  failed: tell(Failure),
  withdrawn: tell(Failure),
  // From the order itself, later.
  remind: tell(),
  expire: tell(),
  // Published.
  changed: event(OrderView, { subject: (view) => view.status }),
});

/** One actor for each article. The key is the article number. */
export const Stock = protocol("stock", {
  fill: tell(z.object({ count: Count, cents: Cents })),
  left: ask(z.number()),
  reserve: submit(OfOrder.extend({ count: Count }), z.object({ cents: Cents.nullable() })),
  release: tell(OfOrder),
  sold: tell(OfOrder),
});

/** One actor for each order: charges the card and refunds. */
export const Payment = protocol("payment", {
  charge: submit(z.object({ card: z.string(), cents: Cents }), z.object({ paid: z.boolean() })),
  refund: tell(),
});

/** One actor for each order: sends the parcel and recalls it. */
export const Parcel = protocol("parcel", {
  ship: submit(
    z.object({ sku: z.string(), count: Count, carrier: CarrierName }),
    z.object({ tracking: z.string() }),
  ),
  recall: tell(),
});

/** One actor for each carrier. The key is its name. */
export const Carrier = protocol("carrier", {
  quote: survey(z.object({ count: Count }), z.object({ carrier: z.string(), days: z.number() })),
});

/** One actor for each mail address. */
export const Mail = protocol("mail", {
  send: tell(z.object({ subject: z.string(), text: z.string() })),
});

/** A single actor with the key `main`. */
export const Report = protocol("report", {
  record: tell(OrderView),
  send: tell(),
  today: ask(z.object({ orders: z.number(), cents: Cents })),
});
