type Outcome<R> = { value: R } | { error: unknown };

/**
 * Maps the items with at most `poolLimit` calls running at a time and yields the results in input order.
 * After a failure nothing new begins, the running calls finish, and an `AggregateError` is thrown.
 */
export function pooledMap<T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
): AsyncIterableIterator<R> {
  let stopped = false;

  async function run(item: T): Promise<Outcome<R>> {
    try {
      return { value: await iteratorFn(item) };
    } catch (error) {
      stopped = true;
      return { error };
    }
  }

  async function start(controller: ReadableStreamDefaultController<Promise<Outcome<R>>>): Promise<void> {
    const running = new Set<Promise<unknown>>();
    try {
      for await (const item of array) {
        if (stopped) break;
        const outcome = run(item);
        controller.enqueue(outcome);
        running.add(outcome);
        outcome.then(() => running.delete(outcome));
        if (running.size >= poolLimit) await Promise.race(running);
        if (stopped) break;
      }
    } catch (error) {
      controller.enqueue(Promise.resolve({ error }));
    }
    // Throws when the consumer has left; a cancelled stream ignores what start() throws.
    controller.close();
  }

  function cancel(): void {
    stopped = true;
  }

  // The stream is the queue between the calls, which begin at once, and a consumer that may be slower.
  return inOrder(new ReadableStream({ start, cancel }));
}

async function* inOrder<R>(outcomes: ReadableStream<Promise<Outcome<R>>>): AsyncGenerator<R> {
  const errors: unknown[] = [];
  for await (const pending of outcomes) {
    const outcome = await pending;
    if ("error" in outcome) errors.push(outcome.error);
    else yield outcome.value;
  }
  if (errors.length > 0) throw new AggregateError(errors, "Threw while mapping.");
}
