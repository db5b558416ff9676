import type { Clients, Workload } from "./clients.ts";

const actors = ["mayfly/f0", "mayfly/f1"];

/** Whether requests of an actor may fail, of which its record tells although it has no state. */
export const mayFail = (actor: string): boolean => actors.includes(actor);

/** Users of actors that are erased again and again, who ask them: an ask that did not land has left nothing. */
export const mayflies: Workload = { name: "f", count: 60, everyMs: 600, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(actors);
  if (clients.draw() < 0.6) return clients.add(tag, actor);
  return clients.send(actor, { tag, does: clients.draw() < 0.8 ? "erase" : "write", path: [] }, "once");
}
