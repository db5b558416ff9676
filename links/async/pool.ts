/**
 * Maps the items with at most `poolLimit` calls running at a time and yields the results in the order of the items. After
 * a failure nothing new begins, and an `AggregateError` is thrown at the place of the first result that failed.
 */
export async function* pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  const items = [...array];
  const results = items.map(() => Promise.withResolvers<R>());
  for (const { promise } of results) promise.catch(() => {}); // thrown below, once
  let next = 0;
  const work = async () => {
    while (next < items.length) {
      const index = next++;
      try {
        results[index].resolve(await iteratorFn(items[index]));
      } catch (error) {
        next = items.length;
        for (const { reject } of results) reject(new AggregateError([error], "Threw while mapping."));
      }
    }
  };
  for (let running = 0; running < poolLimit; running++) void work();
  for (const { promise } of results) yield await promise;
}
