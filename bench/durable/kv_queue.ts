import type { Outcome } from "../contender.ts";
import { percentilesOf } from "./percentiles.ts";
import { inFolder } from "./stores.ts";

/**
 * Deno KV's own queue on a file: `enqueue`, so many on their way at once, and a listener that counts. How long each took
 * from accepted (`enqueue` has resolved) to handled. There is no state to commit, and no actor.
 */
export async function kvQueue(count: number, together: number): Promise<Outcome> {
  return await inFolder(async (folder) => {
    const kv = await Deno.openKv(`${folder}/queue.kv`);
    const accepted = new Map<number, number>();
    const latenciesMs: number[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let sent = 0;
    let handled = 0;
    const send = () => {
      for (; sent < Math.min(handled + together, count); sent++) {
        const index = sent;
        kv.enqueue(index).then(() => void accepted.set(index, performance.now()), reject);
      }
    };
    kv.listenQueue((index: number) => {
      const nowMs = performance.now();
      latenciesMs.push(nowMs - (accepted.get(index) ?? nowMs)); // it may come before its own acceptance is known
      handled++;
      if (handled === count) resolve();
      else send();
    }).catch(() => {}); // it ends with the handle
    const startMs = performance.now();
    send();
    await promise;
    const elapsedMs = performance.now() - startMs;
    kv.close();
    return { elapsedMs, check: handled, also: percentilesOf(latenciesMs) };
  });
}
