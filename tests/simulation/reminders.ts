import type { Clients, Work, Workload } from "./clients.ts";

const actors = ["node/r0", "node/r1", "aside/r2"];
const receivers = ["node/n0", "node/r1", "aside/a0"];

/** Users who make actors set, cancel and replace reminders for others, in one turn and in one batch. */
export const reminders: Workload = { name: "r", count: 14, everyMs: 2_500, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(actors);
  const name = `r-${actor}-${Math.floor(clients.draw() * 3)}`;
  const remind = (part: string): Work => ({
    tag: `${tag}.${part}`,
    does: "remind",
    target: name,
    to: clients.pick(receivers),
    more: Math.floor(clients.draw() * 12_000),
    path: [],
  });
  if (clients.draw() < 0.4) return clients.send(actor, remind("0"), clients.draw() < 0.5 ? "named" : "once");
  const jobs = ["0", "1", "2"].map(remind);
  return clients.burst(actor, jobs);
}
