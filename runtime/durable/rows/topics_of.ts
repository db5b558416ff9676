import type { ActorId } from "../../language/address.ts";
import type { StoreConnection } from "../../ports/store.ts";
import { lastPart, subscribedPrefix } from "./keys.ts";
import { pages } from "./pages.ts";

/** All topics that an actor subscribed to, those of earlier programs included. */
export async function topicsOf(connection: StoreConnection, actor: ActorId): Promise<string[]> {
  const topics: string[] = [];
  for await (const rows of pages(connection, { prefix: subscribedPrefix(actor), limit: 1_000 })) {
    topics.push(...rows.map(({ key }) => lastPart(key)));
  }
  return topics;
}
