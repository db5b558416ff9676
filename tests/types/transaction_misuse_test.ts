// What does not compile when something is sent within a transaction.

import { ask, event, protocol, submit, tell } from "@posthorn/posthorn";
import { postgres, type PostgresTransactionClient, type Transaction } from "@posthorn/posthorn/postgres";
import * as z from "zod";

const Order = protocol("order", {
  paid: tell(z.object({ cents: z.number() })),
  ring: tell(),
  quote: submit(z.number(), z.string()),
  total: ask(z.number()),
  shipped: event(z.string()),
});
const Bill = protocol("bill", {
  quoted: tell(z.string()),
  priced: tell(z.number()),
});

/** The parts of `@types/pg` that differ between a client and a pool. */
interface PgClient {
  query(
    text: string,
    values?: unknown[],
  ): Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
}
interface PgPool extends PgClient {
  readonly totalCount: number;
}

/** Never called: the compiler checks it. */
export async function use(
  client: PgClient,
  pool: PgPool,
  sql: (text: string, values: never[]) => Promise<object[]>,
) {
  const store = postgres("postgres://db.example/app");
  const tx: Transaction = store.within(client);
  // @ts-expect-error the statements of a pool run on any connection
  store.within(pool);
  // @ts-expect-error it has no query
  store.within({});
  const adapted: PostgresTransactionClient = {
    query: async (text, values) => ({ rows: await sql(text, values as never[]) }),
  };
  store.within(adapted);

  const order = tx.ref(Order, "ada");
  await order.tell(Order.paid, { cents: 1 }, { id: "bill-7", afterMs: 5, headers: { a: "b" } });
  await order.tell(Order.ring, { id: "ring" });
  // @ts-expect-error the payload does not fit
  await order.tell(Order.paid, { cents: "1" });
  // @ts-expect-error there is no payload
  await order.tell(Order.paid);
  // @ts-expect-error there is no such option
  await order.tell(Order.ring, { ID: "ring" });
  // @ts-expect-error it is an operation of another protocol
  await order.tell(Bill.quoted, "x");
  // @ts-expect-error a request is submitted
  await order.tell(Order.quote, 1);
  // @ts-expect-error a notification is told
  await order.submit(Order.paid, { cents: 1 });
  // @ts-expect-error nobody answers before the commit
  await order.ask(Order.total);
  // @ts-expect-error an event is published
  await order.tell(Order.shipped, "x");

  const { id }: { readonly id: string } = await order.submit(Order.quote, 1);
  const bill = { protocol: "bill", key: "b" };
  await order.submit(Order.quote, 1, { replyTo: { ...bill, operation: "quoted" }, id });
  // @ts-expect-error a ticket is read by a system, after the commit
  (await order.submit(Order.quote, 1)).reply();

  await tx.publish(Order.shipped, "x", { id: "s" });
  // @ts-expect-error only events are published
  await tx.publish(Order.paid, { cents: 1 });
  // @ts-expect-error the payload does not fit
  await tx.publish(Order.shipped, 1);
  // @ts-expect-error a publication is not delayed
  await tx.publish(Order.shipped, "x", { afterMs: 5 });
}

Deno.test("sends within a transaction are typed", () => {});
