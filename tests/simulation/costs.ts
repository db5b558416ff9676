import type { System } from "@posthorn/posthorn";
import type { Simulation } from "@posthorn/posthorn/testing";
import type { Range, StoreConnection } from "../../runtime/store.ts";

const watchedMs = 20_000;
/** So many rows a process may list at rest in a second, whatever is in the store that does not concern it. */
const rowsMax = 20;

/** Counts what is listed. */
export class Costs {
  #rows = 0;

  /** Lists, and counts what that gives. */
  async list(connection: StoreConnection, range: Range) {
    const rows = await connection.list(range);
    this.#rows += rows.length;
    return rows;
  }

  /** At rest, work does not grow with what does not concern it. */
  async judge(
    simulation: Simulation<System>,
    failed: () => boolean,
    fail: (why: string) => void,
  ): Promise<void> {
    await simulation.advance(watchedMs, failed); // all have started, and know what there is
    const before = this.#rows;
    await simulation.advance(watchedMs, failed);
    const perSecond = (this.#rows - before) / simulation.running.length / (watchedMs / 1_000);
    if (perSecond > rowsMax) {
      fail(`a process lists ${Math.round(perSecond)} rows a second, with nothing to do`);
    }
  }
}
