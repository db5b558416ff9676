import type { Stats, System } from "@posthorn/posthorn";
import { countedBy, type Counts } from "./counts.ts";
import { Audit } from "./protocols.ts";

/** The statistics on the live page. */
export interface DeskStats {
  readonly deliveries: number;
  readonly repositories: number;
}

/** Asks the audit log. */
export async function readStats(system: System): Promise<DeskStats> {
  const { deliveries, byRepository } = await system.ref(Audit, "desk").ask(Audit.numbers);
  return { deliveries, repositories: Object.keys(byRepository).length };
}

/**
 * The statistics of the system, read without a message to any actor: a reply would have to wait behind other
 * messages.
 */
export interface SystemStats extends Stats {
  /** The number of dead letters for each reason. */
  readonly deadLetters: Counts;
}

export function systemStats(system: System): SystemStats {
  return { ...system.stats(), deadLetters: countedBy(system.deadLetters.list(), ({ reason }) => reason) };
}

/** The statistics of two systems together. */
export function addStats(one: SystemStats, other: SystemStats): SystemStats {
  const add = (some: Counts, more: Counts): Counts => {
    const sum = { ...some };
    for (const [name, count] of Object.entries(more)) sum[name] = (sum[name] ?? 0) + count;
    return sum;
  };
  return {
    accepted: one.accepted + other.accepted,
    done: one.done + other.done,
    dead: one.dead + other.dead,
    cancelled: one.cancelled + other.cancelled,
    waiting: one.waiting + other.waiting,
    delayed: one.delayed + other.delayed,
    running: one.running + other.running,
    lateReplies: one.lateReplies + other.lateReplies,
    protocols: { ...one.protocols, ...other.protocols }, // no actor is hosted by two services
    outbox: { ...one.outbox, ...other.outbox },
    deadLetters: add(one.deadLetters, other.deadLetters),
  };
}
