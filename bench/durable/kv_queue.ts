import type { Outcome } from "../contender.ts";
import { percentilesOf } from "./percentiles.ts";
import { inFolder } from "./stores.ts";

/**
 * Deno KV's own queue on a file: concurrent calls of `enqueue`, and a listener that counts. Measures the time
 * of each message from accepted (`enqueue` has resolved) to handled. There is no state to commit, and no
 * actor.
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
      // a message may be delivered before its `enqueue` resolves
      latenciesMs.push(nowMs - (accepted.get(index) ?? nowMs));
      handled++;
      if (handled === count) resolve();
      else send();
    }).catch(() => {}); // rejects when the handle is closed
    const startMs = performance.now();
    send();
    await promise;
    const elapsedMs = performance.now() - startMs;
    kv.close();
    return { elapsedMs, check: handled, also: percentilesOf(latenciesMs) };
  });
}
