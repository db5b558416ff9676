import type { Clients, Work, Workload } from "./clients.ts";

/** More than are listed at once, of which most step aside. */
const count = 380;
const actor = "aside/x0";

/** Somebody who sends hundreds to one actor at once. */
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
