/** The values in their order, so many at a time. */
export function* slicesOf<Value>(values: readonly Value[], size: number): Generator<readonly Value[]> {
  for (let first = 0; first < values.length; first += size) yield values.slice(first, first + size);
}
