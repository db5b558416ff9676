import type { Outcome } from "./contender.ts";
import { bytesOfHeap } from "./heap.ts";
import { asksInFlight } from "./workloads.ts";

/** Ends a measurement, with what the messages worked out. */
export type Done = (check: number) => void;

/**
 * Times what is begun until it is done. Actors that are made before the clock starts, and have to know by then how to
 * say that they are done, say it to `checked`.
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

/** Times what has nothing to wait for. */
export function timedLoop(work: () => number): Outcome {
  const startMs = performance.now();
  const check = work();
  return { elapsedMs: performance.now() - startMs, check };
}

/** Times what makes actors and puts them into a list, and tells how much of the heap each takes while the list holds it. */
export async function timedCreation<Actor>(
  begin: (done: Done, actors: Actor[]) => void,
): Promise<Outcome> {
  const beforeBytes = bytesOfHeap();
  const actors: Actor[] = [];
  const outcome = await timed((done) => begin(done, actors));
  return { ...outcome, also: { bytesPerActor: (bytesOfHeap() - beforeBytes) / actors.length } };
}

/** Asks so many times, each time with the reply to the ask before. */
export async function askOneAfterAnother(
  ask: (x: number) => Promise<number>,
  times: number,
): Promise<number> {
  let x = 0;
  for (let index = 0; index < times; index++) x = await ask(x);
  return x;
}

/** Shares so many asks out among as many askers as there are asks in flight, and adds up their last replies. */
export async function askTogether(ask: (x: number) => Promise<number>, times: number): Promise<number> {
  const askers = Array.from(
    { length: asksInFlight },
    () => askOneAfterAnother(ask, times / asksInFlight),
  );
  return (await Promise.all(askers)).reduce((sum, x) => sum + x, 0);
}
