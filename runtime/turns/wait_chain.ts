import { DeadlockError } from "../base/errors.ts";

/** Something whose turn may wait for answers of others. */
export interface WaitingTurn {
  /** Those whose answers the running turn waits for. */
  readonly waitsFor: readonly WaitingTurn[];
}

/** Who waits for whom from one to another, both included; nothing where there is no such chain. */
export function waitChain(from: WaitingTurn, to: WaitingTurn): WaitingTurn[] | undefined {
  const foundBy = new Map<WaitingTurn, WaitingTurn | undefined>([[from, undefined]]);
  for (const here of foundBy.keys()) { // which grows as it goes
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

/** Throws a `DeadlockError` when `target`, itself or through those whose answers it waits for, waits for `asker`. */
export function requireNoCycle(replyTarget: WaitingTurn, target: WaitingTurn): void {
  const chain = waitChain(target, replyTarget);
  if (chain !== undefined) throw new DeadlockError([replyTarget, ...chain].map(String));
}
