import assert from "node:assert/strict";
import { SingleFlight } from "../../../runtime/base/single_flight.ts";

Deno.test("SingleFlight: a call during a run waits for that run", async () => {
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

Deno.test("SingleFlight: wake-ups during a run cause one more run", async () => {
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

Deno.test("SingleFlight: a wake-up at the end of a run is not missed", async () => {
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

Deno.test("SingleFlight: a failed run rejects its callers, and can be repeated", async () => {
  let fails = true;
  const flight = new SingleFlight(() => fails ? Promise.reject(new Error("no")) : Promise.resolve());
  await assert.rejects(flight.run(), /no/);
  await flight.idle();
  fails = false;
  await flight.run();
});

Deno.test("SingleFlight: callers of an earlier run are answered although each run requests another", async () => {
  let works = 0;
  const flight: SingleFlight = new SingleFlight(async () => {
    works++;
    await Promise.resolve();
    if (works < 1_000) flight.wake().catch(() => {});
  });
  await flight.run();
  assert.ok(works < 100, `${works}`);
  await flight.wake();
  assert.ok(works < 100, `${works}`);
  await flight.idle();
  assert.equal(works, 1_000);
});

Deno.test("SingleFlight: a run that fails does not prevent the next one", async () => {
  const outcomes = [Promise.reject(new Error("no")), Promise.resolve()];
  const flight = new SingleFlight(() => outcomes.shift()!);
  const first = assert.rejects(flight.run(), /no/);
  await flight.wake();
  await first;
  assert.equal(outcomes.length, 0);
});
