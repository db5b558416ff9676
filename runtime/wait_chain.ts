/** Something whose turn may wait for answers of others. */
export interface Waiting {
  /** Those whose answers the running turn waits for. */
  readonly waitsFor: readonly Waiting[];
}

/** Who waits for whom from one to another, both included; nothing where there is no such chain. */
export function waitChain(from: Waiting, to: Waiting): Waiting[] | undefined {
  const foundBy = new Map<Waiting, Waiting | undefined>([[from, undefined]]);
  for (const here of foundBy.keys()) { // which grows as it goes
    if (here === to) return pathTo(here, foundBy);
    for (const next of here.waitsFor) if (!foundBy.has(next)) foundBy.set(next, here);
  }
  return undefined;
}

function pathTo(end: Waiting, foundBy: ReadonlyMap<Waiting, Waiting | undefined>): Waiting[] {
  const path: Waiting[] = [];
  for (let here: Waiting | undefined = end; here !== undefined; here = foundBy.get(here)) path.unshift(here);
  return path;
}
