import type { Clients, Work, Workload } from "./clients.ts";
import type { Deed, Job } from "./messages.ts";

const actors = ["node/n0", "node/n1", "node/n2", "aside/a0", "aside/a1", "mayfly/m0", "node/n3"];
/** Actors that may be erased record entries that cannot be read later. */
const lasting = actors.filter((actor) => !actor.startsWith("mayfly"));

/** The actions of users in every run. */
export function usualWork(bigBytes: number, count: number): Workload {
  return { name: "t", count, everyMs: 350, errand };

  function errand(clients: Clients, tag: string): Promise<void> {
    const kind = clients.draw();
    if (kind < 0.1) return clients.read(clients.pick(lasting));
    if (kind < 0.18) return clients.add(tag, clients.pick(lasting));
    if (kind < 0.26) return clients.submit(tag, clients.pick(lasting));
    if (kind < 0.29) return clients.resend(({ does }) => does === "once");
    if (kind < 0.36) return burst(clients, tag);
    const actor = clients.pick(actors);
    return clients.send(actor, workFor(clients, tag, actor), clients.draw() < 0.5 ? "named" : "once");
  }

  function workFor(clients: Clients, tag: string, actor: string): Work {
    const kind = clients.draw();
    const hops = clients.draw() < 0.6 ? [clients.pick(actors), clients.pick(actors)] : [];
    const plain = (does: Deed, more?: Partial<Job>) => ({ tag, does, path: hops, ...more });
    if (actor.startsWith("mayfly")) return plain(kind < 0.3 ? "erase" : "write");
    if (kind < 0.1) return plain("wait", { more: Math.floor(clients.draw() * 3_000) });
    if (kind < 0.2) return plain("fail", { more: 1 + Math.floor(clients.draw() * 4) });
    if (kind < 0.25) return plain("refuse", { path: [] });
    if (kind < 0.29) return plain("once");
    if (kind < 0.4) return plain("publish", { path: [], pad: pad(clients, 0.2) });
    if (kind < 0.48) return plain("timer", { path: [], more: Math.floor(clients.draw() * 15_000) });
    if (kind < 0.5 && actor.startsWith("node")) {
      clients.schedules.push({ actor, tag });
      return plain("every", { path: [] });
    }
    if (kind < 0.6) {
      return plain("submit", {
        path: [clients.pick(lasting)],
        target: clients.pick(["write", "refuse", "fail"]),
      });
    }
    if (kind < 0.63) return plain("leave");
    return plain("write", { pad: pad(clients, 0.15) });
  }

  function pad(clients: Clients, probability: number): string | undefined {
    if (clients.draw() >= probability) return undefined;
    return "x".repeat(Math.floor(clients.draw() * bigBytes));
  }
}

function burst(clients: Clients, tag: string): Promise<void> {
  const actor = clients.pick(actors);
  const count = 3 + Math.floor(clients.draw() * 8);
  const jobs = Array.from({ length: count }, (_, index) => ({
    tag: `${tag}.${index}`,
    does: "write" as const,
    path: clients.draw() < 0.3 ? [clients.pick(actors)] : [],
  }));
  return clients.burst(actor, jobs);
}
