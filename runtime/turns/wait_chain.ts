import { DeadlockError } from "../base/errors.ts";

/** An actor whose turn may wait for replies of others. */
export interface WaitingTurn {
  /** The actors for whose replies the running turn waits. */
  readonly waitsFor: readonly WaitingTurn[];
}

/** The chain of actors that wait for each other, from one to another, both included; `undefined` if there is none. */
export function waitChain(from: WaitingTurn, to: WaitingTurn): WaitingTurn[] | undefined {
  const foundBy = new Map<WaitingTurn, WaitingTurn | undefined>([[from, undefined]]);
  for (const here of foundBy.keys()) { // the map grows during the loop
    if (here === to) return pathTo(here, foundBy);
    for (const next of here.waitsFor) if (!foundBy.has(next)) foundBy.set(next, here);
  }
  return undefined;
}

function pathTo(end: WaitingTurn, foundBy: ReadonlyMap<WaitingTurn, WaitingTurn | undefined>): WaitingTurn[] {
  const path: WaitingTurn[] = [];
  for (let here: WaitingTurn | undefined = end; here !== undefined; here = foundBy.get(here)) {
    path.unshift(here);
  }
  return path;
}

/** Throws a `DeadlockError` if `target` waits for the asker, directly or through others. */
export function requireNoCycle(asker: WaitingTurn, target: WaitingTurn): void {
  const chain = waitChain(target, asker);
  if (chain !== undefined) throw new DeadlockError([asker, ...chain].map(String));
}
