import type { System } from "@posthorn/posthorn";
import type { Simulation } from "@posthorn/posthorn/testing/simulation";
import type { AtomicPart, KeyRange, StoreConnection } from "../../runtime/ports/store.ts";

const watchedMs = 20_000;
/**
 * The number of rows that an idle process may list per second, independent of unrelated rows in the store.
 */
const rowsMax = 20;
/**
 * The number of commits of an idle process that may be refused within a time: a commit that is refused at
 * each heartbeat would never succeed. After that time no instance is considered dead any more.
 */
const refusedMax = 4;
const refusedMs = 12_000;

/** Counts listed rows and refused commits. */
export class StoreCosts {
  #rows = 0;
  #refused = 0;

  /** Lists, and counts the rows. */
  async list(connection: StoreConnection, range: KeyRange) {
    const rows = await connection.list(range);
    this.#rows += rows.length;
    return rows;
  }

  /** Commits, and counts refusals. */
  async commit(connection: StoreConnection, parts: readonly AtomicPart[]) {
    try {
      return await connection.commit(parts);
    } catch (error) {
      this.#refused++;
      throw error;
    }
  }

  /** An idle process retries nothing endlessly. */
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

  /** The work of an idle process does not grow with unrelated rows. */
  async judgeLists(
    simulation: Simulation<System>,
    failed: () => boolean,
    fail: (why: string) => void,
  ): Promise<void> {
    await simulation.advance(watchedMs, failed); // all have started, and have taken their first look
    const before = this.#rows;
    await simulation.advance(watchedMs, failed);
    const perSecond = (this.#rows - before) / simulation.running.length / (watchedMs / 1_000);
    if (perSecond > rowsMax) {
      fail(`a process lists ${Math.round(perSecond)} rows a second, with nothing to do`);
    }
  }
}
