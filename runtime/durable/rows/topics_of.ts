import type { ActorId } from "../../language/address.ts";
import type { StoreConnection } from "../../ports/store.ts";
import { subscribedPrefix, subscribedTopic } from "./keys.ts";
import { pages } from "./pages.ts";

/** All topics to which an actor subscribed: as many as this program and those before it had events and surveys. */
export async function topicsOf(connection: StoreConnection, actor: ActorId): Promise<string[]> {
  const topics: string[] = [];
  for await (const rows of pages(connection, { prefix: subscribedPrefix(actor), limit: 1_000 })) {
    topics.push(...rows.map(({ key }) => subscribedTopic(key)));
  }
  return topics;
}
