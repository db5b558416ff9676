import assert from "node:assert/strict";
import { SingleFlight } from "../../../../runtime/durable/background/single_flight.ts";

Deno.test("Chore: who asks for it while it is under way waits for that", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const chore = new SingleFlight(() => {
    gates.push(Promise.withResolvers());
    return gates.at(-1)!.promise;
  });
  const all = [chore.run(), chore.run()];
  assert.equal(gates.length, 1);
  gates[0].resolve();
  await Promise.all(all);
  const again = chore.run();
  assert.equal(gates.length, 2);
  gates[1].resolve();
  await again;
});

Deno.test("Chore: what wakes it while it is under way has it done once more, once for many", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const chore = new SingleFlight(() => {
    gates.push(Promise.withResolvers());
    return gates.at(-1)!.promise;
  });
  const all = [chore.wake(), chore.wake(), chore.wake()];
  gates[0].resolve();
  await Promise.resolve().then(() => {});
  assert.equal(gates.length, 2);
  gates[1].resolve();
  await Promise.all(all);
  assert.equal(gates.length, 2);
});

Deno.test("Chore: what wakes it when it is about to end is not missed", async () => {
  let works = 0;
  const chore = new SingleFlight(async () => {
    works++;
    await Promise.resolve();
  });
  for (let ticks = 0; ticks < 8; ticks++) {
    works = 0;
    const first = chore.run();
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    await chore.wake();
    await first;
    assert.equal(works, 2, `after ${ticks} ticks`);
  }
});

Deno.test("Chore: where it fails whoever asked is told, and it can be done again", async () => {
  let fails = true;
  const chore = new SingleFlight(() => fails ? Promise.reject(new Error("no")) : Promise.resolve());
  await assert.rejects(chore.run(), /no/);
  await chore.idle();
  fails = false;
  await chore.run();
});
