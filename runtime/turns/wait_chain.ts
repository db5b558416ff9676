import { DeadlockError } from "../base/errors.ts";

/** Something whose turn may wait for answers of others. */
export interface Waits {
  /** Those whose answers the running turn waits for. */
  readonly waitsFor: readonly Waits[];
}

/** Who waits for whom from one to another, both included; nothing where there is no such chain. */
export function waitChain(from: Waits, to: Waits): Waits[] | undefined {
  const foundBy = new Map<Waits, Waits | undefined>([[from, undefined]]);
  for (const here of foundBy.keys()) { // which grows as it goes
    if (here === to) return pathTo(here, foundBy);
    for (const next of here.waitsFor) if (!foundBy.has(next)) foundBy.set(next, here);
  }
  return undefined;
}

function pathTo(end: Waits, foundBy: ReadonlyMap<Waits, Waits | undefined>): Waits[] {
  const path: Waits[] = [];
  for (let here: Waits | undefined = end; here !== undefined; here = foundBy.get(here)) path.unshift(here);
  return path;
}

/** Throws a `DeadlockError` when `target`, itself or through those whose answers it waits for, waits for `asker`. */
export function requireNoCycle(asker: Waits, target: Waits): void {
  const chain = waitChain(target, asker);
  if (chain !== undefined) throw new DeadlockError([asker, ...chain].map(String));
}
