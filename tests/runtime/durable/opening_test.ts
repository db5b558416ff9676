import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Opening } from "../../../runtime/durable/opening.ts";

/** An opening whose attempts have the outcome that the test chooses; and its events, as text. */
function attempts(clock = new VirtualClock(), begin = (connected: string) => Promise.resolve(connected)) {
  const tries: PromiseWithResolvers<string>[] = [];
  const seen: string[] = [];
  const opening = new Opening<string, string>({ name: "memory", heartbeatMs: 5_000 }, {
    clock,
    random: seededRandom(1),
  }, {
    connect() {
      const attempt = Promise.withResolvers<string>();
      tries.push(attempt);
      return attempt.promise;
    },
    begin,
    opened: (what) => void seen.push(`opened ${what}`),
    failed: (error) => void seen.push((error as Error).message),
    close: (what) => Promise.resolve(void seen.push(`closed ${what}`)),
    discard: (what) => Promise.resolve(void seen.push(`discarded ${what}`)),
  });
  return { clock, tries, seen, opening };
}

Deno.test("Opening tries again, later each time, until it is open", async () => {
  const { clock, tries, seen, opening } = attempts();
  const first = assert.rejects(opening.ready, {
    code: "store-unavailable",
    message: "Cannot open memory: refused",
  });
  const waits: number[] = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    tries[attempt].reject(new Error("refused"));
    const beganMs = clock.now();
    while (tries.length === attempt + 1) await clock.advance(100);
    waits.push(clock.now() - beganMs);
    await assert.rejects(opening.ready, { code: "store-unavailable" });
  }
  await first;
  const bounds = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000];
  assert.ok(waits.every((ms, index) => ms >= bounds[index] / 2 && ms <= bounds[index] + 100), String(waits));
  tries[8].resolve("it");
  await clock.settle();
  await opening.ready;
  assert.equal(opening.failure, undefined);
  assert.deepEqual(seen.slice(7), ["Cannot open memory: refused", "opened it"]);
  assert.equal(await opening.end(1_000), "it");
});

Deno.test("Opening that takes long rejects its waiters, and continues", async () => {
  const { clock, tries, seen, opening } = attempts();
  const told = assert.rejects(opening.ready, {
    message: "Cannot open memory: it did not answer within 15000 ms",
  });
  await clock.advance(15_000);
  await told;
  tries[0].resolve("it");
  await clock.settle();
  await opening.ready;
  assert.equal(seen.at(-1), "opened it");
  assert.equal(tries.length, 1);
});

Deno.test("Opening tries again after whatever was thrown, also what does not let itself be looked at", async () => {
  const { clock, tries, seen, opening } = attempts();
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  tries[0].reject(proxy);
  await assert.rejects(opening.ready, { code: "store-unavailable" });
  await clock.advance(2_000);
  tries[1].resolve("it");
  await clock.settle();
  await opening.ready;
  assert.equal(seen.at(-1), "opened it");
});

Deno.test("Opening that ends before its outcome is known rejects its waiters", async () => {
  const { clock, opening } = attempts();
  const told = assert.rejects(opening.ready, { code: "stopping" });
  const ending = opening.end(1_000);
  await clock.advance(1_000);
  await told;
  await assert.rejects(opening.ready, { code: "stopping" });
  await ending;
});

Deno.test("Opening that ends waits for the first attempt for a while, and for no other", async () => {
  const { clock, tries, seen, opening } = attempts();
  const ending = opening.end(1_000);
  await clock.advance(1_000);
  assert.equal(await ending, undefined);
  assert.equal(clock.waiting, 0);
  tries[0].resolve("it");
  await clock.settle();
  assert.deepEqual(seen, ["closed it"]);

  const other = attempts();
  other.tries[0].reject(new Error("refused"));
  await other.clock.advance(1_000);
  assert.equal(other.tries.length, 2);
  assert.equal(await other.opening.end(1_000), undefined);
  other.tries[1].reject(new Error("refused"));
  await other.clock.advance(60_000);
  assert.equal(other.tries.length, 2);
  assert.equal(other.clock.waiting, 0);
});

/** Advances time until there have been this many attempts. */
async function until(clock: VirtualClock, tries: readonly unknown[], count: number): Promise<number> {
  const beganMs = clock.now();
  while (tries.length < count) {
    assert.ok(clock.now() - beganMs < 600_000, `there are ${tries.length} of ${count} attempts`);
    await clock.advance(100);
  }
  return clock.now() - beganMs;
}

Deno.test("Opening that is never answered is tried again, after longer delays", async () => {
  const { clock, tries, opening } = attempts();
  const waits: number[] = [];
  for (let attempt = 1; attempt < 8; attempt++) waits.push(await until(clock, tries, attempt + 1));
  const bounds = [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000];
  const fit = (ms: number, index: number) => ms >= 14_900 + bounds[index] / 2 && ms <= 15_100 + bounds[index];
  assert.ok(waits.every(fit), String(waits));
  tries[7].resolve("it");
  await clock.settle();
  await opening.ready;
  assert.equal(opening.failure, undefined);
  assert.equal(clock.waiting, 0);
});

Deno.test("Opening uses the attempt that answers first, and closes each that answers later", async () => {
  const { clock, tries, seen, opening } = attempts();
  await until(clock, tries, 3);
  tries[1].resolve("second"); // the first still hangs, and the third is in time
  await clock.settle();
  await opening.ready;
  tries[2].reject(new Error("refused"));
  tries[0].resolve("first");
  await clock.advance(60_000);
  const late = "Cannot open memory: it did not answer within 15000 ms";
  assert.deepEqual(seen, [late, late, "opened second", "closed first"]);
  assert.equal(opening.failure, undefined);
  assert.deepEqual([tries.length, clock.waiting], [3, 0]);
  assert.equal(await opening.end(1_000), "second");
});

Deno.test("Opening that takes long and then fails is tried no more often than one that takes long", async () => {
  const { clock, tries } = attempts();
  await clock.advance(15_000);
  tries[0].reject(new Error("refused"));
  await clock.advance(10_000);
  assert.equal(tries.length, 2);
});

Deno.test("Opening has ten attempts under way that do not answer, and goes on when one of them fails", async () => {
  const { clock, tries, seen, opening } = attempts();
  await until(clock, tries, 10);
  await clock.advance(600_000);
  assert.deepEqual([tries.length, clock.waiting], [10, 0]);
  const late = "Cannot open memory: it did not answer within 15000 ms";
  assert.deepEqual(seen.slice(-2), [late, `${late}, and 10 of 10 attempts are under way`]);
  tries[3].reject(new Error("refused"));
  await clock.settle();
  await assert.rejects(opening.ready, { message: "Cannot open memory: refused" });
  await until(clock, tries, 11);
  tries[10].resolve("it");
  await clock.settle();
  await opening.ready;
});

Deno.test("Opening tries one connection at a time: the next one only if that one fails", async () => {
  const begun: PromiseWithResolvers<string>[] = [];
  const begin = () => {
    const step = Promise.withResolvers<string>();
    begun.push(step);
    return step.promise;
  };
  const { clock, tries, seen, opening } = attempts(new VirtualClock(), begin);
  await until(clock, tries, 3);
  for (const [index, name] of ["first", "second", "third"].entries()) tries[index].resolve(name);
  await clock.settle();
  assert.equal(begun.length, 1);
  begun[0].reject(new Error("reset"));
  await clock.settle();
  assert.equal(begun.length, 2);
  begun[1].resolve("second");
  await clock.settle();
  await opening.ready;
  assert.deepEqual(seen.slice(2), ["Cannot open memory: reset", "opened second", "closed third"]);
  await clock.advance(60_000);
  assert.deepEqual([tries.length, begun.length], [3, 2]);
});

Deno.test("Opening that ends closes all that answer afterwards, and discards what opens afterwards", async () => {
  const step = Promise.withResolvers<string>();
  const { clock, tries, seen, opening } = attempts(new VirtualClock(), () => step.promise);
  await until(clock, tries, 3);
  tries[0].resolve("first");
  await clock.settle();
  assert.equal(await opening.end(1_000), undefined);
  tries[1].resolve("second");
  step.resolve("it");
  tries[2].resolve("third");
  await clock.advance(60_000);
  assert.deepEqual(seen.slice(2).sort(), ["closed second", "closed third", "discarded it"]);
  assert.deepEqual([tries.length, clock.waiting], [3, 0]);
});
