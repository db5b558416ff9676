import assert from "node:assert/strict";
import { seededRandom, VirtualClock } from "@posthorn/posthorn/testing";
import { Opening } from "../../../runtime/durable/opening.ts";

/** An opening whose attempts end as they are told to; what happened, in words. */
function attempts(clock = new VirtualClock()) {
  const tries: PromiseWithResolvers<string>[] = [];
  const seen: string[] = [];
  const opening = new Opening<string>("memory", { clock, random: seededRandom(1) }, {
    open() {
      const attempt = Promise.withResolvers<string>();
      tries.push(attempt);
      return attempt.promise;
    },
    opened: (what) => void seen.push(`opened ${what}`),
    failed: (error) => void seen.push((error as Error).message),
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
  const bounds = [1, 2, 4, 8, 16, 30, 30, 30].map((seconds) => seconds * 1_000);
  assert.ok(waits.every((ms, index) => ms >= bounds[index] / 2 && ms <= bounds[index] + 100), String(waits));
  tries[8].resolve("it");
  await clock.settle();
  await opening.ready;
  assert.equal(opening.failure, undefined);
  assert.deepEqual(seen.slice(7), ["Cannot open memory: refused", "opened it"]);
  assert.equal(await opening.end(1_000), "it");
});

Deno.test("Opening that takes long tells who waits, and goes on", async () => {
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

Deno.test("Opening that ends before anything is known tells who waits for it", async () => {
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
  assert.deepEqual(seen, ["discarded it"]);

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
