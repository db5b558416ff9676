/** The live bytes of the heap after a full collection. Needs `--v8-flags=--expose-gc`. */
export function bytesOfHeap(): number {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) throw new Error("start with --v8-flags=--expose-gc to see the heap");
  gc();
  gc();
  return Deno.memoryUsage().heapUsed;
}
