import type { System } from "@posthorn/posthorn";
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
