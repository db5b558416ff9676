import type { Stats, System } from "@posthorn/posthorn";
import { countedBy, type Counts } from "./counts.ts";
import { Audit } from "./protocols.ts";

/** What the system says of itself, and what the live page shows beside it. */
export interface DeskStats extends Stats {
  readonly deliveries: number;
  readonly repositories: number;
  readonly actors: number;
  /** How many dead letters there are for each reason. */
  readonly deadLetters: Counts;
}

/** Counts what there is; among the actors, the runtime's own, whose names begin with `~`, are left out. */
export async function readStats(system: System): Promise<DeskStats> {
  const { deliveries, byRepository } = await system.ref(Audit, "desk").ask(Audit.numbers);
  const stats = system.stats();
  const actors = Object.entries(stats.protocols)
    .filter(([name]) => !name.startsWith("~"))
    .reduce((sum, [, protocol]) => sum + protocol.actors, 0);
  const deadLetters = countedBy(system.deadLetters.list(), ({ reason }) => reason);
  return { ...stats, deliveries, repositories: Object.keys(byRepository).length, actors, deadLetters };
}
