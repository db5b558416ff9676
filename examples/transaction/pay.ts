import type { PostgresStore, PostgresTransactionClient } from "@posthorn/posthorn/postgres";
import { Order } from "./order.ts";

/** The part of a `pg.Pool` that is used here. */
interface Pool {
  connect(): Promise<PostgresTransactionClient & { release(): void }>;
}

/** Writes a bill, and tells its order: both, or neither. */
export async function pay(pool: Pool, store: PostgresStore, bill: string, key: string, cents: number) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("INSERT INTO bills VALUES ($1, $2)", [bill, cents]);
    await store.within(client).ref(Order, key).tell(Order.paid, { cents }, { id: bill });
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}
