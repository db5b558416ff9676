/** Something whose turn may wait for answers of others. */
export interface Waiting {
  /** Those whose answers the running turn waits for. */
  readonly waitsFor: readonly Waiting[];
}

/** Who waits for whom from one to another, both included; nothing where there is no such chain. */
export function waitChain(from: Waiting, to: Waiting, seen = new Set<Waiting>()): Waiting[] | undefined {
  if (from === to) return [to];
  seen.add(from);
  for (const next of from.waitsFor) {
    const rest = seen.has(next) ? undefined : waitChain(next, to, seen);
    if (rest !== undefined) return [from, ...rest];
  }
  return undefined;
}
