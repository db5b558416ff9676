import type { Clients, Work, Workload } from "./clients.ts";

const actors = ["oldest/o0", "oldest/o1", "newest/y0", "newest/y1"];

/** Users who overflow small mailboxes with `drop-oldest` or `drop-newest`. */
export const fullMailboxes: Workload = { name: "b", count: 16, everyMs: 2_200, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(actors);
  const kind = clients.draw();
  if (kind < 0.1) return clients.read(actor);
  if (kind < 0.2) return clients.add(tag, actor);
  if (kind < 0.35) return clients.submit(tag, actor);
  if (kind < 0.45) return clients.resend((_, { reason }) => reason === "dropped");
  if (kind < 0.55) return clients.send(actor, { tag, does: "fail", more: 2, path: [] }, "named");
  if (kind < 0.65) return clients.send("node/n0", { tag, does: "write", path: [actor, "node/n1"] }, "once");
  return flood(clients, tag, actor);
}

/** The first message keeps its actor busy while the others arrive. */
function flood(clients: Clients, tag: string, actor: string): Promise<void> {
  const slow: Work = {
    tag: `${tag}.w`,
    does: "wait",
    more: 200 + Math.floor(clients.draw() * 2_000),
    path: [],
  };
  const jobs = Array.from({ length: 2 + Math.floor(clients.draw() * 6) }, (_, index): Work => ({
    tag: `${tag}.${index}`,
    does: "write",
    path: clients.draw() < 0.2 ? [clients.pick(actors)] : [],
  }));
  return clients.burst(actor, [slow, ...jobs]);
}
