import type { ActorId } from "../../language/address.ts";
import type { StoreConnection } from "../../ports/store.ts";
import { subscribedPrefix, subscribedTopic } from "./keys.ts";

const pageMax = 1_000;

/** All topics to which an actor subscribed: as many as this program and those before it had events and surveys. */
export async function topicsOf(connection: StoreConnection, actor: ActorId): Promise<string[]> {
  const topics: string[] = [];
  let after: string | undefined;
  for (;;) {
    const rows = await connection.list({ prefix: subscribedPrefix(actor), after, limit: pageMax });
    topics.push(...rows.map(({ key }) => subscribedTopic(key)));
    if (rows.length < pageMax) return topics;
    after = rows[rows.length - 1].key;
  }
}
