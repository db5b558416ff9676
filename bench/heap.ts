/** The maximum number of collections: they end as soon as one of them finds nothing more. */
const roundsMax = 10;

/** The live bytes of the heap after a full collection. Needs `--v8-flags=--expose-gc`. */
export function bytesOfHeap(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("start with --v8-flags=--expose-gc to see the heap");
  let bytes = Infinity;
  for (let round = 0; round < roundsMax; round++) {
    gc();
    const { heapUsed } = Deno.memoryUsage();
    if (heapUsed >= bytes) break; // one collection leaves what the one before it has not swept yet
    bytes = heapUsed;
  }
  return bytes;
}
