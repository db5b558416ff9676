import type { Clients, Workload } from "./clients.ts";

const count = 14;
const poisonous = 3;

/**
 * Poison messages, which crash each process that handles them until they are given up, among slow messages,
 * which must not be given up with them.
 */
export const poisons: Workload = { name: "p", count, everyMs: 250, errand };

function errand(clients: Clients, tag: string): Promise<void> {
  const number = Number(tag.slice(1));
  if (number % 5 === 0 && number / 5 <= poisonous) {
    return clients.send(`glass/p${number}`, { tag, does: "poison", path: [] }, "once");
  }
  const more = 50 + Math.floor(clients.draw() * 300); // none takes so long that its exclusive trial ends
  return clients.send(`glass/i${number % 4}`, { tag, does: "wait", more, path: [] }, "once");
}
