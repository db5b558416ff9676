import assert from "node:assert/strict";
import { SingleFlight } from "../../../runtime/base/single_flight.ts";

Deno.test("SingleFlight: who asks for it while it is under way waits for that", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const flight = new SingleFlight(() => {
    gates.push(Promise.withResolvers());
    return gates.at(-1)!.promise;
  });
  const all = [flight.run(), flight.run()];
  assert.equal(gates.length, 1);
  gates[0].resolve();
  await Promise.all(all);
  const again = flight.run();
  assert.equal(gates.length, 2);
  gates[1].resolve();
  await again;
});

Deno.test("SingleFlight: what wakes it while it is under way has it done once more, once for many", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const flight = new SingleFlight(() => {
    gates.push(Promise.withResolvers());
    return gates.at(-1)!.promise;
  });
  const all = [flight.wake(), flight.wake(), flight.wake()];
  gates[0].resolve();
  await Promise.resolve().then(() => {});
  assert.equal(gates.length, 2);
  gates[1].resolve();
  await Promise.all(all);
  assert.equal(gates.length, 2);
});

Deno.test("SingleFlight: what wakes it when it is about to end is not missed", async () => {
  let works = 0;
  const flight = new SingleFlight(async () => {
    works++;
    await Promise.resolve();
  });
  for (let ticks = 0; ticks < 8; ticks++) {
    works = 0;
    const first = flight.run();
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
    await flight.wake();
    await first;
    assert.equal(works, 2, `after ${ticks} ticks`);
  }
});

Deno.test("SingleFlight: where it fails whoever asked is told, and it can be done again", async () => {
  let fails = true;
  const flight = new SingleFlight(() => fails ? Promise.reject(new Error("no")) : Promise.resolve());
  await assert.rejects(flight.run(), /no/);
  await flight.idle();
  fails = false;
  await flight.run();
});
