import type { ActorId } from "../../language/address.ts";
import type { StoreConnection } from "../../ports/store.ts";
import { mailPrefix } from "./keys.ts";
import { pages } from "./pages.ts";

/** The most rows of one list. */
const listMax = 1_000;

/** How many messages wait for an actor, and how many bytes they have; it stops counting at so many of one of both. */
export async function countMail(
  connection: StoreConnection,
  actor: ActorId,
  most: { readonly messages: number; readonly bytes: number },
): Promise<{ readonly messages: number; readonly bytes: number }> {
  let messages = 0;
  let bytes = 0;
  for await (const rows of pages(connection, { prefix: mailPrefix(actor), limit: listMax })) {
    messages += rows.length;
    for (const { value } of rows) bytes += value.length;
    if (messages >= most.messages || bytes >= most.bytes) break;
  }
  return { messages, bytes };
}
