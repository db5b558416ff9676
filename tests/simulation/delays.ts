import type { Clients, Work, Workload } from "./clients.ts";

const actors = ["node/d0", "node/d1", "aside/d2"];
/** Longer than the clocks of processes are apart, so that a message that comes at once is noticed. */
const delayMsMax = 60_000;

/**
 * Users who delay tells and submits, and make actors delay what they send. They also set schedules that repeat by a cron
 * expression, the same ones again and again.
 */
export const delays: Workload = { name: "d", count: 24, everyMs: 1_500, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(actors);
  const kind = clients.draw();
  const delayMs = 1 + Math.floor(clients.draw() * delayMsMax);
  if (kind < 0.2) return clients.submit(tag, actor, undefined, delayMs);
  const how = clients.draw() < 0.5 ? "named" : "once";
  if (kind < 0.35) return clients.send(actor, cron(clients, tag, actor), how);
  if (kind < 0.65) {
    return clients.send(actor, { tag, does: "delay", path: [clients.pick(actors)], more: delayMs }, how);
  }
  return clients.send(actor, { tag, does: "write", path: [], delayMs }, how);
}

/** Sets one of two schedules of an actor, which is there already most of the time. */
function cron(clients: Clients, tag: string, actor: string): Work {
  const target = `cron${Math.floor(clients.draw() * 2)}`;
  const known = clients.schedules.some((one) => one.actor === actor && one.tag === target);
  if (!known) clients.schedules.push({ actor, tag: target });
  return { tag, does: "cron", path: [], target };
}
