import type { Outcome } from "./contender.ts";
import { bytesOfHeap } from "./heap.ts";
import { asksInFlight } from "./workloads.ts";

/** Ends a measurement with the result that the messages computed. */
export type Done = (check: number) => void;

/**
 * Times an operation from its start to its completion. Actors that are created before the clock starts report
 * their completion to `checked`.
 */
export async function timed(
  begin: (done: Done) => void,
  checked: PromiseWithResolvers<number> = Promise.withResolvers(),
): Promise<Outcome> {
  const startMs = performance.now();
  begin(checked.resolve);
  const check = await checked.promise;
  return { elapsedMs: performance.now() - startMs, check };
}

/** Times a synchronous operation. */
export function timedLoop(work: () => number): Outcome {
  const startMs = performance.now();
  const check = work();
  return { elapsedMs: performance.now() - startMs, check };
}

/**
 * Times the creation of actors in a list, and measures the heap bytes of each while the list references them.
 */
export async function timedCreation<Actor>(
  begin: (done: Done, actors: Actor[]) => void,
): Promise<Outcome> {
  const beforeBytes = bytesOfHeap();
  const actors: Actor[] = [];
  const outcome = await timed((done) => begin(done, actors));
  return { ...outcome, also: { bytesPerActor: (bytesOfHeap() - beforeBytes) / actors.length } };
}

/** Asks a number of times in sequence, each time with the previous reply. */
export async function askOneAfterAnother(
  ask: (x: number) => Promise<number>,
  times: number,
): Promise<number> {
  let x = 0;
  for (let index = 0; index < times; index++) x = await ask(x);
  return x;
}

/** Distributes asks over as many askers as there are asks in flight, and sums their last replies. */
export async function askTogether(ask: (x: number) => Promise<number>, times: number): Promise<number> {
  const askers = Array.from(
    { length: asksInFlight },
    () => askOneAfterAnother(ask, times / asksInFlight),
  );
  return (await Promise.all(askers)).reduce((sum, x) => sum + x, 0);
}
