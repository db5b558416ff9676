import type { Stats, System } from "@posthorn/posthorn";
import { countedBy, type Counts } from "./counts.ts";
import { Audit } from "./protocols.ts";

/** What the live page shows of the system. */
export interface DeskStats {
  readonly deliveries: number;
  readonly repositories: number;
  readonly actors: number;
  readonly waiting: number;
  readonly done: number;
  readonly dead: number;
}

/** Counts what there is; the runtime's own actors, whose names begin with `~`, are left out. */
export async function readStats(system: System): Promise<DeskStats> {
  const { deliveries, byRepository } = await system.ref(Audit, "desk").ask(Audit.numbers);
  const { protocols, waiting, done, dead } = system.stats();
  const actors = Object.entries(protocols)
    .filter(([name]) => !name.startsWith("~"))
    .reduce((sum, [, protocol]) => sum + protocol.actors, 0);
  return { deliveries, repositories: Object.keys(byRepository).length, actors, waiting, done, dead };
}

/** What the system says of itself, without a word to any actor: behind what waits for it, an answer would take a while. */
export interface SystemStats extends Stats {
  /** How many dead letters there are for each reason. */
  readonly deadLetters: Counts;
}

export function systemStats(system: System): SystemStats {
  return { ...system.stats(), deadLetters: countedBy(system.deadLetters.list(), ({ reason }) => reason) };
}
