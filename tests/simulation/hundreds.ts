import type { Clients, Work, Workload } from "./clients.ts";

/** More messages than one list returns, most of which are set aside. */
const count = 380;
const actor = "aside/x0";

/** A user who sends hundreds of messages to one actor at once. */
export const hundreds: Workload = { name: "h", count: 4, everyMs: 9_000, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  if (tag !== "h1") return clients.send(actor, { tag, does: "write", path: [] }, "named");
  const jobs = Array.from({ length: count }, (_, index): Work => ({
    tag: `${tag}.${index}`,
    does: clients.draw() < 0.8 ? "fail" : "write",
    more: 1,
    path: [],
  }));
  return clients.burst(actor, jobs);
}
