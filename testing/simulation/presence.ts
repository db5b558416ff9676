import type { StorePresence } from "../../runtime/ports/store.ts";

/** A connection, as far as it is known from outside whether it is still there. */
export interface Holder {
  /** Whether its process has ended, or has closed it. */
  readonly gone: boolean;
}

/** What a system of many processes knows of their locks: which connection holds which instance. */
export type SimulatedLocks = Map<string, Holder>;

/** The presence of one connection. `ask` answers as a call does: after a while, and never to who has ended. */
export function simulatedPresence(
  own: Holder,
  locks: SimulatedLocks,
  ask: <Result>(look: () => Result) => Promise<Result>,
): StorePresence {
  const isGone = (instance: string) => locks.get(instance)?.gone === true;
  return {
    hold: (instance) =>
      ask(() => {
        locks.set(instance, own);
        return true;
      }),
    isGone: (instance) => ask(() => isGone(instance)),
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
