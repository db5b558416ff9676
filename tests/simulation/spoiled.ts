import type { Clients, Workload } from "./clients.ts";
import { oddities } from "./odd_schema.ts";

/** `f1` has a state that is migrated, `f2` an unreadable message, `f3` an unreadable record. */
export const frailActors: readonly string[] = ["frail/f0", "frail/f1", "frail/f2", "frail/f3", "frail/f4"];

/** Users of actors whose schemas, initial state and `migrate` throw, and whose rows are unreadable. */
export const spoiled: Workload = { name: "o", count: 18, everyMs: 2_100, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const kind = clients.draw();
  const actor = clients.pick(frailActors);
  const how = clients.draw() < 0.5 ? "named" : "once";
  if (kind < 0.1) return clients.add(tag, actor);
  if (kind < 0.2) return clients.submit(tag, actor);
  if (kind < 0.6) {
    const more = Math.floor(clients.draw() * oddities.length);
    return clients.send(actor, { tag, does: "spoil", more, path: [] }, how);
  }
  const path = clients.draw() < 0.3 ? [clients.pick(frailActors)] : [];
  return clients.send(actor, { tag, does: "write", path }, how);
}
