import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { abortable, deadline, pooledMap, retry, RetryError } from "./mod.ts";

/** Replaces `setTimeout` by one that fires at once and notes the delays, and `Math.random` by 0. */
function withoutWaiting(): Disposable & { readonly delays: number[] } {
  const { setTimeout } = globalThis;
  const { random } = Math;
  const delays: number[] = [];
  globalThis.setTimeout = ((callback: () => void, delay: number) => {
    delays.push(delay);
    queueMicrotask(callback);
    return 0;
  }) as unknown as typeof setTimeout;
  Math.random = () => 0;
  return {
    delays,
    [Symbol.dispose]: () => {
      globalThis.setTimeout = setTimeout;
      Math.random = random;
    },
  };
}

const reason = new Error("stop");

Deno.test("abortable() follows the promise", async () => {
  const { signal } = new AbortController();
  assert.equal(await abortable(Promise.resolve("value"), signal), "value");
  await assert.rejects(abortable(Promise.reject(reason), signal), reason);
});

Deno.test("abortable() rejects with the signal's reason, before or after the abort", async () => {
  const controller = new AbortController();
  const followed = abortable(new Promise(() => {}), controller.signal);
  controller.abort(reason);
  await assert.rejects(followed, reason);
  await assert.rejects(abortable(Promise.resolve("value"), controller.signal), reason);
});

Deno.test("abortable() leaves no unhandled rejection if the promise fails after the abort", async () => {
  const controller = new AbortController();
  const { promise, reject } = Promise.withResolvers<never>();
  const followed = abortable(promise, controller.signal);
  controller.abort(reason);
  await assert.rejects(followed, reason);
  reject(new Error("too late"));
  await setImmediate();
});

Deno.test("deadline() follows the promise, and leaves no timer behind", async () => {
  assert.equal(await deadline(Promise.resolve("value"), 60_000), "value");
  await assert.rejects(deadline(Promise.reject(reason), 60_000), reason);
});

Deno.test("deadline() rejects with a TimeoutError when the time is over", async () => {
  using waits = withoutWaiting();
  await assert.rejects(deadline(new Promise(() => {}), 5_000), { name: "TimeoutError" });
  assert.deepEqual(waits.delays, [5_000]);
});

Deno.test("pooledMap() runs as many calls as allowed, and yields the results in the order of the items", async () => {
  const begun: number[] = [];
  const calls = [1, 2, 3].map(() => Promise.withResolvers<string>());
  const results = pooledMap(2, [0, 1, 2], (item) => {
    begun.push(item);
    return calls[item].promise;
  });
  const first = results.next();
  assert.deepEqual(begun, [0, 1]);
  calls[1].resolve("b");
  await setImmediate();
  assert.deepEqual(begun, [0, 1, 2]); // though the first is still running
  calls[0].resolve("a");
  calls[2].resolve("c");
  const others: string[] = [];
  assert.deepEqual(await first, { done: false, value: "a" });
  for await (const result of results) others.push(result);
  assert.deepEqual(others, ["b", "c"]);
});

Deno.test("pooledMap() begins nothing new after a failure, and throws it", async () => {
  const begun: number[] = [];
  const results = pooledMap(1, [0, 1, 2], (item) => {
    begun.push(item);
    return item === 1 ? Promise.reject(reason) : Promise.resolve(item);
  });
  const consumed = (async () => {
    for await (const result of results) assert.equal(result, 0);
  })();
  await assert.rejects(consumed, (error) => error instanceof AggregateError && error.errors[0] === reason);
  assert.deepEqual(begun, [0, 1]);
});

Deno.test("retry() gives the result of the first call that succeeds, with a wait before each other", async () => {
  using waits = withoutWaiting();
  let calls = 0;
  const thirdTime = () => ++calls < 3 ? Promise.reject(reason) : Promise.resolve("value");
  assert.equal(await retry(thirdTime, { minTimeout: 100 }), "value");
  assert.deepEqual(waits.delays, [100, 200]);
});

Deno.test("retry() doubles its waits up to a minute, and throws a RetryError after the last attempt", async () => {
  using waits = withoutWaiting();
  const failing = () => Promise.reject(reason);
  await assert.rejects(
    retry(failing, { maxAttempts: 8 }),
    (error) => error instanceof RetryError && error.cause === reason,
  );
  assert.deepEqual(waits.delays, [1, 2, 4, 8, 16, 32, 60].map((seconds) => seconds * 1_000));
  await assert.rejects(retry(failing), { message: "Retrying exceeded the maxAttempts (5)." });
});
