import type { Clients, Workload } from "./clients.ts";

const actors = ["node/d0", "node/d1"];

/** Users who send messages with deadlines to busy actors, and resend those that expired. */
export const deadlines: Workload = { name: "w", count: 16, everyMs: 2_300, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const kind = clients.draw();
  const actor = clients.pick(actors);
  if (kind < 0.25) {
    return clients.send(actor, { tag, does: "wait", more: 500 + clients.draw() * 2_500, path: [] }, "once");
  }
  if (kind < 0.5) return clients.resend((_, { reason }) => reason === "deadline");
  const timeoutMs = 100 + Math.floor(clients.draw() * 2_000);
  return clients.send(actor, { tag, does: "write", path: [], timeoutMs }, "once");
}
