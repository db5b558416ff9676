import type { System } from "@posthorn/posthorn";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import type { AtomicPart, KeyRange, StoreConnection } from "../../runtime/ports/store.ts";

const watchedMs = 20_000;
/** So many rows a process may list at rest in a second, whatever is in the store that does not concern it. */
const rowsMax = 20;
/**
 * So many commits of a process may be refused at rest in so long: what is refused at each heartbeat is never done.
 * After it nobody takes anybody for dead any more.
 */
const refusedMax = 4;
const refusedMs = 12_000;

/** Counts what is listed, and what is refused. */
export class StoreCosts {
  #rows = 0;
  #refused = 0;

  /** Lists, and counts what that gives. */
  async list(connection: StoreConnection, range: KeyRange) {
    const rows = await connection.list(range);
    this.#rows += rows.length;
    return rows;
  }

  /** Commits, and counts what is not taken. */
  async commit(connection: StoreConnection, parts: readonly AtomicPart[]) {
    try {
      return await connection.commit(parts);
    } catch (error) {
      this.#refused++;
      throw error;
    }
  }

  /** At rest, nothing is tried again and again. */
  async judgeRefused(
    simulation: Simulation<System>,
    failed: () => boolean,
    fail: (why: string) => void,
  ): Promise<void> {
    const before = this.#refused;
    await simulation.advance(refusedMs, failed);
    const refused = (this.#refused - before) / simulation.running.length;
    if (refused > refusedMax) {
      fail(`${Math.round(refused)} commits of a process are refused, with nothing to do`);
    }
  }

  /** At rest, work does not grow with what does not concern it. */
  async judgeLists(
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
