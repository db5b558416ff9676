import type { StorePresence } from "../../runtime/ports/store.ts";

/** A connection, as the holder of a lock. */
export interface Holder {
  /** Whether its process has ended or has closed the connection. */
  readonly gone: boolean;
}

/** The simulated locks of an operating system: the holder of each instance. */
export type SimulatedLocks = Map<string, Holder>;

/**
 * Creates the presence of one connection. `ask` runs a query after a latency, and never resolves for a
 * crashed connection.
 */
export function simulatedPresence(
  own: Holder,
  locks: SimulatedLocks,
  ask: <Result>(look: () => Result) => Promise<Result>,
): StorePresence {
  const isGone = (instance: string) => locks.get(instance)?.gone === true;
  const suspected = new Set<string>();
  // As with a store that is not sure at once: it is, when it is asked again.
  const isSurelyGone = (instance: string) => {
    if (!isGone(instance)) return false;
    if (suspected.has(instance)) return true;
    suspected.add(instance);
    return false;
  };
  return {
    hold: (instance) =>
      ask(() => {
        locks.set(instance, own);
        return true;
      }),
    gone: (instances) => ask(() => new Set(instances.filter(isSurelyGone))),
    release: (instance) =>
      ask(() => {
        if (isGone(instance) || locks.get(instance) === own) locks.delete(instance);
      }),
    retain: (instances) =>
      ask(() => {
        for (const instance of [...locks.keys()]) {
          if (isGone(instance) && !instances.has(instance)) locks.delete(instance);
        }
      }),
  };
}
