import { DeadlockError } from "../base/errors.ts";

/** An actor whose turn may wait for replies of others. */
export interface WaitingTurn {
  /** The actors for whose replies the running turn waits. */
  readonly waitsFor: readonly WaitingTurn[];
  /** If its turn cannot begin until one of some others ends: these. */
  readonly waitsForOneOf?: readonly WaitingTurn[] | undefined;
}

type FoundBy = Map<WaitingTurn, WaitingTurn | undefined>;

/**
 * The chain of actors that wait for each other, from one to another that would wait for the first, both included;
 * `undefined` if there is none, or if one of those that wait would go on all the same.
 */
export function waitChain(from: WaitingTurn, to: WaitingTurn): WaitingTurn[] | undefined {
  const foundBy: FoundBy = new Map([[from, undefined]]);
  let choices = false;
  for (const here of foundBy.keys()) { // the map grows during the loop
    if (here === to && !choices) return pathTo(to, foundBy);
    if (here === to) continue;
    for (const next of here.waitsFor) if (!foundBy.has(next)) foundBy.set(next, here);
    const { waitsForOneOf } = here;
    if (waitsForOneOf === undefined) continue;
    choices = true;
    for (const next of waitsForOneOf) if (!foundBy.has(next)) foundBy.set(next, here);
  }
  return foundBy.has(to) && isStuck(from, to, foundBy) ? pathTo(to, foundBy) : undefined;
}

/** Whether one of those that were found can never go on if another does not. */
function isStuck(one: WaitingTurn, other: WaitingTurn, foundBy: FoundBy): boolean {
  const free = new Set<WaitingTurn>();
  for (let known = -1; known < free.size && !free.has(one);) {
    known = free.size;
    for (const here of foundBy.keys()) {
      if (here === other || !here.waitsFor.every((next) => free.has(next))) continue;
      if (here.waitsForOneOf?.some((next) => free.has(next)) ?? true) free.add(here);
    }
  }
  return !free.has(one);
}

function pathTo(end: WaitingTurn, foundBy: FoundBy): WaitingTurn[] {
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
