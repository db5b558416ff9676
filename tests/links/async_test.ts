import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { abortable, deadline, pooledMap, retry, RetryableError, type RetryOptions } from "@std/async";
import { abortable as abortableAlone } from "@std/async/abortable";

/** Replaces the global timers: callbacks run when the test fires them, or immediately. */
class FakeTimers implements Disposable {
  readonly delays: number[] = [];
  readonly pending = new Map<number, () => void>();
  readonly #setTimeout = globalThis.setTimeout;
  readonly #clearTimeout = globalThis.clearTimeout;

  constructor(options: { fireAtOnce: boolean }) {
    const set = (callback: () => void, delay = 0): number => {
      this.delays.push(delay);
      if (options.fireAtOnce) queueMicrotask(callback);
      else this.pending.set(this.delays.length, callback);
      return this.delays.length;
    };
    const clear = (id: number): void => {
      this.pending.delete(id);
    };
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  }

  fireAll(): void {
    for (const [id, callback] of this.pending) {
      this.pending.delete(id);
      callback();
    }
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#setTimeout;
    globalThis.clearTimeout = this.#clearTimeout;
  }
}

function withFixedRandom(value: number): Disposable {
  const random = Math.random;
  Math.random = () => value;
  return {
    [Symbol.dispose]: () => {
      Math.random = random;
    },
  };
}

/** An abort controller whose signal counts the listeners it holds. */
class CountingController extends AbortController {
  readonly listeners = new Set<unknown>();

  constructor() {
    super();
    const add = this.signal.addEventListener.bind(this.signal);
    const remove = this.signal.removeEventListener.bind(this.signal);
    this.signal.addEventListener = (
      type: string,
      listener: EventListener,
      options?: AddEventListenerOptions,
    ) => {
      this.listeners.add(listener);
      add(type, listener, options);
    };
    this.signal.removeEventListener = (type: string, listener: EventListener) => {
      this.listeners.delete(listener);
      remove(type, listener);
    };
  }

  override abort(reason: unknown): void {
    super.abort(reason);
    this.listeners.clear();
  }
}

/** Lets pending promise callbacks run. */
async function settle(): Promise<void> {
  await setImmediate();
}

function never(): Promise<never> {
  return new Promise(() => {});
}

async function collect<T>(items: AsyncIterable<T>, into: T[] = []): Promise<T[]> {
  for await (const item of items) into.push(item);
  return into;
}

/** A source of 1, 2, 3 that records whether it was closed, and can fail or hang. */
class Source implements AsyncIterableIterator<number> {
  closed = false;
  pulled = 0;

  constructor(readonly third: () => Promise<number> = () => Promise.resolve(3)) {}

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<number>> {
    this.pulled++;
    if (this.pulled > 3) return { done: true, value: undefined };
    return { done: false, value: this.pulled === 3 ? await this.third() : this.pulled };
  }

  return(): Promise<IteratorResult<number>> {
    this.closed = true;
    return Promise.resolve({ done: true, value: undefined });
  }
}

const reason = new Error("stop");

Deno.test("abortable() follows the promise and then removes its listener", async () => {
  for (const outcome of ["fulfilled", "rejected"]) {
    const controller = new CountingController();
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const followed = abortable(promise, controller.signal);
    assert.equal(controller.listeners.size, 1);
    if (outcome === "fulfilled") {
      resolve("value");
      assert.equal(await followed, "value");
    } else {
      reject(new Error("own failure"));
      await assert.rejects(followed, /own failure/);
    }
    assert.equal(controller.listeners.size, 0);
  }
});

Deno.test("abortable() rejects at once when the signal is already aborted", async () => {
  const controller = new CountingController();
  controller.abort(reason);
  await assert.rejects(abortable(never(), controller.signal), reason);
  await assert.rejects(abortable(Promise.resolve("value"), controller.signal), reason);
  assert.equal(controller.listeners.size, 0);
});

Deno.test("abortable() rejects with the signal's reason on a later abort", async () => {
  const controller = new AbortController();
  const followed = abortable(never(), controller.signal);
  controller.abort(reason);
  await assert.rejects(followed, reason);
});

Deno.test("abortable() leaves no unhandled rejection when the promise fails after the abort", async () => {
  for (const abortsFirst of [true, false]) {
    const controller = new AbortController();
    if (abortsFirst) controller.abort(reason);
    const { promise, reject } = Promise.withResolvers<never>();
    const followed = abortable(promise, controller.signal);
    controller.abort(reason);
    await assert.rejects(followed, reason);
    reject(new Error("too late"));
    await settle();
  }
});

Deno.test("abortable() yields every item of an iterable and then removes its listener", async () => {
  const controller = new CountingController();
  const source = new Source();
  assert.deepEqual(await collect(abortable(source, controller.signal)), [1, 2, 3]);
  assert.equal(controller.listeners.size, 0);
  assert.equal(source.closed, false);
});

Deno.test("abortable() throws at once from an iteration whose signal is already aborted", async () => {
  const controller = new CountingController();
  controller.abort(reason);
  const source = new Source();
  await assert.rejects(collect(abortable(source, controller.signal)), reason);
  assert.equal(source.pulled, 0);
  assert.equal(source.closed, false);
  assert.equal(controller.listeners.size, 0);
});

Deno.test("abortable() ends an iteration whose source hangs when the signal aborts", async () => {
  const controller = new AbortController();
  async function* hangs(): AsyncGenerator<number> {
    yield 1;
    queueMicrotask(() => controller.abort(reason));
    yield await never();
  }
  const items: number[] = [];
  await assert.rejects(collect(abortable(hangs(), controller.signal), items), reason);
  assert.deepEqual(items, [1]);
});

Deno.test("abortable() pulls no further item after an abort between two items, and closes the source", async () => {
  const controller = new CountingController();
  const source = new Source();
  const items = abortable(source, controller.signal);
  assert.deepEqual(await items.next(), { done: false, value: 1 });
  controller.abort(reason);
  await assert.rejects(items.next(), reason);
  assert.equal(source.pulled, 1);
  assert.equal(source.closed, true);
  assert.equal(controller.listeners.size, 0);
});

Deno.test("abortable() swallows the failure of a source that cannot be closed after an abort", async () => {
  const controller = new AbortController();
  const source = new Source();
  source.return = () => Promise.reject(new Error("cannot close"));
  const items = abortable(source, controller.signal);
  await items.next();
  controller.abort(reason);
  await assert.rejects(items.next(), reason);
  await settle();
});

Deno.test("abortable() removes its listener and closes the source when the consumer leaves early", async () => {
  const controller = new CountingController();
  const source = new Source();
  for await (const item of abortable(source, controller.signal)) {
    if (item === 2) break;
  }
  assert.equal(source.closed, true);
  assert.equal(controller.listeners.size, 0);
});

Deno.test("abortable() passes on the failure of a source that cannot be closed when the consumer leaves", async () => {
  const source = new Source();
  source.return = () => Promise.reject(new Error("cannot close"));
  const items = abortable(source, new AbortController().signal);
  await items.next();
  await assert.rejects(items.return(undefined), /cannot close/);
});

Deno.test("abortable() passes on the failure of the source and does not close it again", async () => {
  const controller = new CountingController();
  const source = new Source(() => Promise.reject(new Error("own failure")));
  const items: number[] = [];
  await assert.rejects(collect(abortable(source, controller.signal), items), /own failure/);
  assert.deepEqual(items, [1, 2]);
  assert.equal(source.closed, false);
  assert.equal(controller.listeners.size, 0);
});

Deno.test("deadline() rejects with a TimeoutError when the time runs out", async () => {
  using timers = new FakeTimers({ fireAtOnce: false });
  const limited = deadline(never(), 250);
  assert.deepEqual(timers.delays, [250]);
  timers.fireAll();
  await assert.rejects(limited, (error) => error instanceof DOMException && error.name === "TimeoutError");
});

Deno.test("deadline() works with the real timers", async () => {
  await assert.rejects(deadline(never(), 0), { name: "TimeoutError" });
});

Deno.test("deadline() follows a promise that settles in time and leaves no timer behind", async () => {
  using timers = new FakeTimers({ fireAtOnce: false });
  const { promise, resolve } = Promise.withResolvers<string>();
  const limited = deadline(promise, 250);
  assert.equal(timers.pending.size, 1);
  resolve("value");
  assert.equal(await limited, "value");
  assert.equal(timers.pending.size, 0);

  await assert.rejects(deadline(Promise.reject(new Error("own failure")), 250), /own failure/);
  assert.equal(timers.pending.size, 0);
});

Deno.test("deadline() rejects with the signal's reason on abort and leaves nothing behind", async () => {
  using timers = new FakeTimers({ fireAtOnce: false });
  const controller = new CountingController();
  const limited = deadline(never(), 250, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(limited, reason);
  assert.equal(timers.pending.size, 0);
  assert.equal(controller.listeners.size, 0);

  await assert.rejects(deadline(Promise.resolve(1), 250, { signal: controller.signal }), reason);
  assert.equal(timers.pending.size, 0);
});

Deno.test("deadline() removes its listener when the time runs out or the promise settles", async () => {
  using timers = new FakeTimers({ fireAtOnce: false });
  const controller = new CountingController();
  const limited = deadline(never(), 250, { signal: controller.signal });
  assert.equal(controller.listeners.size, 1);
  timers.fireAll();
  await assert.rejects(limited, { name: "TimeoutError" });
  assert.equal(controller.listeners.size, 0);

  assert.equal(await deadline(Promise.resolve("value"), 250, { signal: controller.signal }), "value");
  assert.equal(controller.listeners.size, 0);
});

Deno.test("deadline() sets no timer for a time that a timer cannot hold", async () => {
  using timers = new FakeTimers({ fireAtOnce: false });
  for (const time of [2 ** 31, Infinity]) {
    assert.equal(await deadline(Promise.resolve("value"), time), "value");
  }
  assert.deepEqual(timers.delays, []);
  await deadline(Promise.resolve("value"), 2 ** 31 - 1);
  assert.deepEqual(timers.delays, [2 ** 31 - 1]);
});

/** Fails on every call, with the number of the call. */
function failing(): { calls: number; call: () => Promise<never> } {
  const state = {
    calls: 0,
    call: (): Promise<never> => Promise.reject(new Error(`call ${++state.calls}`)),
  };
  return state;
}

async function delaysOf(options: RetryOptions): Promise<number[]> {
  using timers = new FakeTimers({ fireAtOnce: true });
  await assert.rejects(retry(failing().call, options), RetryableError);
  return timers.delays;
}

Deno.test("retry() gives the result of the first call that succeeds", async () => {
  using timers = new FakeTimers({ fireAtOnce: true });
  let calls = 0;
  function succeedsThird(): string {
    calls++;
    if (calls < 3) throw new Error("not yet");
    return "value";
  }
  assert.equal(await retry(succeedsThird), "value");
  assert.equal(calls, 3);
  assert.equal(timers.delays.length, 2);
  assert.equal(await retry(() => Promise.resolve("value")), "value");
});

Deno.test("retry() waits before it calls again", async () => {
  using timers = new FakeTimers({ fireAtOnce: false });
  const state = failing();
  const retried = retry(state.call, { maxAttempts: 2 });
  await settle();
  assert.equal(state.calls, 1);
  timers.fireAll();
  await assert.rejects(retried, RetryableError);
  assert.equal(state.calls, 2);
});

Deno.test("retry() rejects with a RetryableError after five attempts unless told otherwise", async () => {
  using _timers = new FakeTimers({ fireAtOnce: true });
  for (const maxAttempts of [undefined, 1, 3]) {
    const state = failing();
    const expected = maxAttempts ?? 5;
    await assert.rejects(retry(state.call, { maxAttempts }), (error) => {
      assert.ok(error instanceof RetryableError);
      assert.equal(error.name, "RetryableError");
      assert.equal(error.message, `Retrying exceeded the maxAttempts (${expected}).`);
      assert.ok(error.cause instanceof Error);
      assert.equal(error.cause.message, `call ${expected}`);
      return true;
    });
    assert.equal(state.calls, expected);
  }
});

Deno.test("retry() throws an error that is not retriable as it is, at once", async () => {
  using timers = new FakeTimers({ fireAtOnce: true });
  const seen: unknown[] = [];
  const state = failing();
  function isRetriable(error: unknown): boolean {
    seen.push(error);
    return seen.length < 2;
  }
  await assert.rejects(retry(state.call, { isRetriable }), (error) => error === seen[1] && error !== seen[0]);
  assert.equal(state.calls, 2);
  assert.equal(timers.delays.length, 1);

  const last = new Error("last");
  const options = { isRetriable: () => false, maxAttempts: 1 };
  await assert.rejects(retry(() => Promise.reject(last), options), (error) => error === last);
});

Deno.test("retry() doubles its waits from one second up to a minute by default", async () => {
  using _random = withFixedRandom(0);
  const seconds = [1, 2, 4, 8, 16, 32, 60, 60];
  assert.deepEqual(await delaysOf({ maxAttempts: 9 }), seconds.map((second) => second * 1000));
});

Deno.test("retry() takes the multiplier and the bounds of its waits from the options", async () => {
  using _random = withFixedRandom(0.5);
  const options = { minTimeout: 10, maxTimeout: 100, multiplier: 3, jitter: 0 };
  assert.deepEqual(await delaysOf(options), [10, 30, 90, 100]);
  assert.deepEqual(await delaysOf({ ...options, multiplier: 1 }), [10, 10, 10, 10]);
});

Deno.test("retry() shortens each wait by a random share of the jitter", async () => {
  using _random = withFixedRandom(0.5);
  assert.deepEqual(await delaysOf({ maxAttempts: 3 }), [500, 1000]);
  assert.deepEqual(await delaysOf({ maxAttempts: 3, jitter: 0.5 }), [750, 1500]);
  assert.deepEqual(await delaysOf({ maxAttempts: 8, jitter: 0.5, maxTimeout: 1000 }), Array(7).fill(750));
});

Deno.test("retry() rejects with a RangeError for options that make no sense, before any call", async () => {
  const state = failing();
  const wrong: RetryOptions[] = [
    { maxAttempts: 0 },
    { maxAttempts: -1 },
    { maxAttempts: 1.5 },
    { maxAttempts: Infinity },
    { maxAttempts: NaN },
    { multiplier: 0.9 },
    { multiplier: Infinity },
    { multiplier: NaN },
    { maxTimeout: 0, minTimeout: 0 },
    { maxTimeout: -1, minTimeout: -2 },
    { maxTimeout: NaN },
    { minTimeout: -1 },
    { minTimeout: NaN },
    { minTimeout: 101, maxTimeout: 100 },
    { jitter: -0.1 },
    { jitter: 1.1 },
    { jitter: NaN },
  ];
  for (const options of wrong) {
    await assert.rejects(retry(state.call, options), RangeError, Deno.inspect(options));
  }
  assert.equal(state.calls, 0);
});

Deno.test("retry() names the option that makes no sense", async () => {
  const wrong: RetryOptions[] = [
    { maxAttempts: 0 },
    { multiplier: 0 },
    { maxTimeout: 0 },
    { minTimeout: -1 },
    { minTimeout: 101, maxTimeout: 100 },
    { jitter: 2 },
  ];
  for (const options of wrong) {
    const [name] = Object.keys(options);
    await assert.rejects(retry(() => 1, options), new RegExp(`^RangeError: Cannot retry: ${name} `));
  }
});

Deno.test("retry() accepts the outermost options that make sense", async () => {
  const right: RetryOptions[] = [
    { maxAttempts: 1 },
    { multiplier: 1 },
    { minTimeout: 0 },
    { minTimeout: 100, maxTimeout: 100 },
    { maxTimeout: Infinity },
    { jitter: 0 },
    { jitter: 1 },
  ];
  for (const options of right) assert.equal(await retry(() => "value", options), "value");
});

/** Work for pooledMap() that the test finishes item by item. */
class Work {
  readonly begun: number[] = [];
  readonly #finishers = new Map<number, PromiseWithResolvers<string>>();

  begin = (item: number): Promise<string> => {
    this.begun.push(item);
    const finisher = Promise.withResolvers<string>();
    this.#finishers.set(item, finisher);
    return finisher.promise;
  };

  async finish(item: number): Promise<void> {
    this.#finishers.get(item)?.resolve(`result ${item}`);
    await settle();
  }

  async fail(item: number): Promise<void> {
    this.#finishers.get(item)?.reject(new Error(`failure ${item}`));
    await settle();
  }
}

async function* asynchronous<T>(items: T[]): AsyncGenerator<T> {
  yield* items;
}

Deno.test("pooledMap() yields the results in input order, from both kinds of iterables", async () => {
  for (const items of [[1, 2, 3], new Set([1, 2, 3]), asynchronous([1, 2, 3])]) {
    const work = new Work();
    const results = collect(pooledMap(3, items, work.begin));
    await settle();
    for (const item of [3, 1, 2]) await work.finish(item);
    assert.deepEqual(await results, ["result 1", "result 2", "result 3"]);
  }
  assert.deepEqual(await collect(pooledMap(2, [], () => never())), []);
});

Deno.test("pooledMap() yields a result while others are still running", async () => {
  const work = new Work();
  const results = pooledMap(2, [1, 2], work.begin);
  await settle();
  await work.finish(1);
  assert.deepEqual(await results.next(), { done: false, value: "result 1" });
  await work.finish(2);
  assert.deepEqual(await collect(results), ["result 2"]);
});

Deno.test("pooledMap() begins at once and runs at most as many calls as allowed", async () => {
  const work = new Work();
  const results = pooledMap(2, [1, 2, 3, 4], work.begin);
  await settle();
  assert.deepEqual(work.begun, [1, 2]);
  await work.finish(2);
  assert.deepEqual(work.begun, [1, 2, 3]);
  await work.finish(1);
  assert.deepEqual(work.begun, [1, 2, 3, 4]);
  await work.finish(3);
  await work.finish(4);
  assert.equal((await collect(results)).length, 4);
});

Deno.test("pooledMap() begins nothing new after a failure and throws once the running calls are done", async () => {
  const work = new Work();
  const results: string[] = [];
  let ended = false;
  const rejected = assert.rejects(collect(pooledMap(3, [1, 2, 3, 4, 5], work.begin), results), (error) => {
    ended = true;
    assert.ok(error instanceof AggregateError);
    assert.equal(error.message, "Threw while mapping.");
    assert.deepEqual(error.errors.map((inner) => inner.message), ["failure 1", "failure 3"]);
    return true;
  });
  await settle();
  await work.fail(3);
  await work.finish(2);
  assert.equal(ended, false);
  await work.fail(1);
  await rejected;
  assert.deepEqual(work.begun, [1, 2, 3]);
  assert.deepEqual(results, ["result 2"]);
});

Deno.test("pooledMap() begins nothing new after a failure while the source is slow", async () => {
  const gate = Promise.withResolvers<void>();
  let closed = false;
  async function* slow(): AsyncGenerator<number> {
    try {
      yield 1;
      await gate.promise;
      yield 2;
    } finally {
      closed = true;
    }
  }
  const work = new Work();
  const rejected = assert.rejects(collect(pooledMap(5, slow(), work.begin)), AggregateError);
  await settle();
  await work.fail(1);
  gate.resolve();
  await rejected;
  assert.deepEqual(work.begun, [1]);
  assert.equal(closed, true);
});

Deno.test("pooledMap() pulls no further item from the source after a failure that freed a place", async () => {
  let pulled = 0;
  function* counted(): Generator<number> {
    while (true) yield ++pulled;
  }
  const work = new Work();
  const rejected = assert.rejects(collect(pooledMap(1, counted(), work.begin)), AggregateError);
  await settle();
  await work.fail(1);
  await rejected;
  assert.equal(pulled, 1);
});

Deno.test("pooledMap() counts a call that throws at once as a failure", async () => {
  function throws(): Promise<never> {
    throw new Error("own failure");
  }
  await assert.rejects(collect(pooledMap(1, [1], throws)), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.match(String(error.errors[0]), /own failure/);
    return true;
  });
});

Deno.test("pooledMap() reports the failure of the source after the running calls are done", async () => {
  const broken = new Error("broken source");
  async function* source(): AsyncGenerator<number> {
    yield 1;
    yield await Promise.reject(broken);
  }
  const work = new Work();
  const results: string[] = [];
  const rejected = assert.rejects(
    collect(pooledMap(5, source(), work.begin), results),
    (error) => error instanceof AggregateError && error.errors[0] === broken,
  );
  await settle();
  await work.finish(1);
  await rejected;
  assert.deepEqual(results, ["result 1"]);
});

Deno.test("pooledMap() begins nothing new after the consumer has left", async () => {
  const work = new Work();
  const results = pooledMap(2, [1, 2, 3, 4], work.begin);
  await settle();
  await work.finish(1);
  for await (const result of results) {
    assert.equal(result, "result 1");
    break;
  }
  await work.finish(2);
  await work.finish(3);
  assert.deepEqual(work.begun, [1, 2, 3]);
});

Deno.test("pooledMap() leaves no unhandled rejection when the source or a call fails unseen", async () => {
  const gate = Promise.withResolvers<never>();
  async function* source(): AsyncGenerator<number> {
    yield 1;
    yield 2;
    yield await gate.promise;
  }
  const work = new Work();
  const results = pooledMap(5, source(), work.begin);
  await settle();
  await work.finish(1);
  await results.next();
  await results.return?.();
  await work.fail(2);
  gate.reject(new Error("broken source"));
  await settle();
});

Deno.test("abortable can be imported without the rest", () => {
  assert.equal(abortableAlone, abortable);
});
