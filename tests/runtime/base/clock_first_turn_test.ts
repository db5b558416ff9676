import { systemClock } from "@posthorn/posthorn";

// In a file of its own: only the first turn of the event loop of a process, or of a file of tests, is concerned.

Deno.test("a timer that is cancelled in the first turn of the event loop leaves nothing", async () => {
  const clock = systemClock();
  const { promise: turned, resolve } = Promise.withResolvers<void>();
  clock.macrotask(resolve);
  const cancel = clock.setTimer(1_000, () => {});
  await turned;
  cancel(); // what is left of it is found by the sanitizer of the test
});
