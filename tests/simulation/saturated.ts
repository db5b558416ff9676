import type { Clients, Work, Workload } from "./clients.ts";

const actors = 40;
const count = 160;

/** A user who sends more to one process than it can commit within three heartbeats. */
export const saturated: Workload = { name: "f", count: 3, everyMs: 8_000, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  if (tag !== "f1") return clients.read("node/n0");
  const running = clients.someone();
  if (running === undefined) return Promise.resolve();
  const sends = Array.from({ length: count }, (_, index) => {
    const job: Work = { tag: `${tag}.${index}`, does: "write", path: [] };
    return clients.send(`node/f${index % actors}`, job, "once", running);
  });
  return Promise.all(sends).then(() => {});
}
