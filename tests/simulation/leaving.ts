import type { Clients, Workload } from "./clients.ts";
import { News, partsOf } from "./messages.ts";

const actors = ["node/v0", "node/v1", "mayfly/v2"];

/**
 * Actors that subscribe to the news for a while: they subscribe and unsubscribe in their turns, or are
 * erased.
 */
export const leaving: Workload = { name: "v", count: 16, everyMs: 2_200, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(actors);
  const kind = clients.draw();
  if (kind < 0.15) return clients.send("node/n0", { tag, does: "publish", path: [] }, "once");
  if (actor.startsWith("mayfly") && kind < 0.5) {
    return clients.send(actor, { tag, does: "erase", path: [] }, "once");
  }
  return clients.send(actor, { tag, does: kind < 0.55 ? "listen" : "deafen", path: [] }, "once");
}

/** All unsubscribe, whatever the outcome before. */
export async function leaveAll(clients: Clients): Promise<void> {
  for (const actor of actors) {
    const { kind, key } = partsOf(actor);
    const to = { protocol: actor.split("/")[0], key, operation: kind.heard.name };
    for (;;) {
      const outcome = await clients.call((system) => system.unsubscribe(News.posted, to));
      if ("value" in outcome) break;
      await clients.pause(500);
    }
  }
}
