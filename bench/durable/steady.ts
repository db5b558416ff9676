import type { Outcome } from "../contender.ts";
import { bytesOfHeap } from "../heap.ts";
import { inFolder, type StoreKind } from "./stores.ts";
import { Carts } from "./turns.ts";
import { Following } from "./watched_store.ts";

const actors = 100;
/** The number of times memory is measured. */
const looks = 10;

/** Runs very many turns in one process, and measures heap and process memory after each tenth of them. */
export async function steady(kind: StoreKind, count: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    const following = new Following();
    await using carts = new Carts(kind.make(folder), following, actors);
    const also: Record<string, number> = {};
    const startMs = performance.now();
    for (let look = 1; look <= looks; look++) {
      const beganMs = performance.now();
      await carts.flood(count / looks);
      also[`rate${look}`] = count / looks * 1_000 / (performance.now() - beganMs);
      following.begin(); // its own records would count as growth
      also[`heap${look}`] = bytesOfHeap();
      also[`resident${look}`] = Deno.memoryUsage().rss;
    }
    return { elapsedMs: performance.now() - startMs, check: await carts.totals(), also };
  });
}
