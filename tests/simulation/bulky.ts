import type { StoreLimits } from "../../runtime/ports/store.ts";
import type { Clients, Work, Workload } from "./clients.ts";

const actors = ["node/k0", "node/k1", "aside/k2"];
/** The size of a commit in a store with default limits. */
const usual = { bytes: 737_280, valueBytes: 65_536 };

/**
 * Users whose messages, states, replies and schedules are about as large as one commit, or slightly larger.
 */
export function bulky(limits: Partial<StoreLimits>): Workload {
  const { bytes, valueBytes } = { ...usual, ...limits };
  return { name: "k", count: 14, everyMs: 2_500, errand };

  function errand(clients: Clients, tag: string): Promise<void> {
    const kind = clients.draw();
    const actor = clients.pick(actors);
    const how = clients.draw() < 0.5 ? "named" : "once";
    const bulk = sizeFor(clients);
    const send = (work: Partial<Work>) => clients.send(actor, { tag, does: "write", path: [], ...work }, how);
    if (kind < 0.15) return send({ does: "swell", bulk });
    if (kind < 0.25) return send({ does: "swell", bulk: 0 });
    if (kind < 0.4) return send({ does: "remind", target: tag, more: 3_000, bulk });
    if (kind < 0.5) return send({ does: "refuse", pad: "x".repeat(bulk) });
    if (kind < 0.6) return send({ does: "fail", more: 2, pad: "x".repeat(bulk) });
    if (kind < 0.7) return send({ does: "publish", pad: "x".repeat(bulk) });
    if (kind < 0.8) return clients.submit(tag, actor, bulk);
    if (kind < 0.9) return clients.add(tag, actor, "direct", bulk);
    return send({ pad: "x".repeat(bulk) });
  }

  /** A size near a bound, on either side of it. */
  function sizeFor(clients: Clients): number {
    const bound = clients.pick([valueBytes, bytes / 4, bytes / 2, bytes]);
    return Math.max(Math.floor(bound * (0.9 + clients.draw() * 0.2)) - clients.pick([0, 500]), 1);
  }
}
