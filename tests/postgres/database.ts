import pg from "pg";

/** What the tests use of a client of `pg`. */
export interface Client {
  query(text: string, values?: readonly unknown[]): Promise<{ readonly rows: Record<string, unknown>[] }>;
}

/** Connects to a database, and closes the connection at the end. */
export async function withDatabase<Result>(
  url: string,
  use: (client: Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {}); // a query that is under way says the same
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
