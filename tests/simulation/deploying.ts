import type { Clients, Workload } from "./clients.ts";

export const deployedActors: readonly string[] = ["scroll/s0", "scroll/s1", "scroll/s2"];
const guests = ["guest/u0", "guest/u1"];
const others = ["node/n0", "node/n1", ...deployedActors, ...guests];

/** Users who continue while one revision of the program replaces another. */
export const deploying: Workload = { name: "d", count: 22, everyMs: 1_700, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const kind = clients.draw();
  const scroll = clients.pick(deployedActors);
  const hops = clients.draw() < 0.6 ? [clients.pick(others), clients.pick(others)] : [];
  const how = clients.draw() < 0.5 ? "named" : "once";
  if (kind < 0.1) return clients.read(scroll);
  if (kind < 0.2) return clients.add(tag, scroll);
  if (kind < 0.3) return clients.submit(tag, clients.pick([...deployedActors, ...guests]));
  if (kind < 0.45) return clients.send(clients.pick(guests), { tag, does: "write", path: hops }, how);
  if (kind < 0.65) {
    const path = clients.draw() < 0.5 ? [clients.pick(deployedActors), clients.pick(deployedActors)] : [];
    return clients.send(scroll, { tag, does: "stamp", path }, how);
  }
  if (kind < 0.75) return clients.send(scroll, { tag, does: "fail", more: 2, path: hops }, how);
  if (kind < 0.8) return clients.send(scroll, { tag, does: "wait", more: 1_000, path: hops }, how);
  if (kind < 0.9) return clients.send("node/n2", { tag, does: "write", path: hops }, how);
  return clients.send(scroll, { tag, does: "write", path: hops }, how);
}
