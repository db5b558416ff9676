import assert from "node:assert/strict";
import { type Clock, systemClock } from "@posthorn/posthorn";

Deno.test("systemClock knows the time of day, and another that never goes back", () => {
  const clock = systemClock();
  const beforeMs = clock.monotonicMs();
  assert(Math.abs(clock.now() - Date.now()) < 1_000);
  assert(clock.monotonicMs() >= beforeMs);
});

Deno.test("systemClock calls back once the delay is over, and not at all when that was cancelled", async () => {
  const clock = systemClock();
  clock.setTimer(0, () => assert.fail("called"))();
  await new Promise<void>((resolve) => void clock.setTimer(-1, resolve));
  const beganMs = clock.monotonicMs();
  await new Promise<void>((resolve) => void clock.setTimer(3, resolve));
  assert(clock.monotonicMs() - beganMs >= 2);
});

Deno.test("systemClock does not call back for a timer that is cancelled in the turn in which it is due", async () => {
  const clock = systemClock();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using reader = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  using writer = await listener.accept();
  let late = 0;
  for (let round = 0; round < 20; round++) {
    let cancelled = false;
    const cancel = clock.setTimer(1, () => late += Number(cancelled));
    const read = reader.read(new Uint8Array(1)).then(() => {
      cancel();
      cancelled = true;
    });
    await writer.write(new Uint8Array(1));
    const untilMs = clock.monotonicMs() + 3;
    while (clock.monotonicMs() < untilMs); // the event loop finds the byte and the timer in one turn
    await read;
  }
  await new Promise<void>((resolve) => clock.macrotask(resolve));
  assert.equal(late, 0);
});

Deno.test("systemClock does not call back at once for a delay that is too long for the machine", async () => {
  const clock = systemClock();
  const cancels = [2 ** 31, 1e15].map((delayMs) => clock.setTimer(delayMs, () => assert.fail("called")));
  await new Promise<void>((resolve) => void clock.setTimer(2, resolve));
  for (const cancel of cancels) cancel();
});

Deno.test("systemClock calls back in the next turn of the event loop, after the microtasks", async () => {
  const clock = systemClock();
  const called: string[] = [];
  clock.macrotask(() => called.push("macrotask"));
  await Promise.resolve().then(() => called.push("microtask"));
  await new Promise<void>((resolve) => clock.macrotask(resolve));
  assert.deepEqual(called, ["microtask", "macrotask"]);
});

Deno.test("systemClock yields until timers that are due have fired", async () => {
  const clock = systemClock();
  let fired = false;
  clock.setTimer(0, () => fired = true);
  const untilMs = clock.monotonicMs() + 2;
  while (clock.monotonicMs() < untilMs); // the timer is due now
  await new Promise<void>((resolve) => clock.yield(resolve));
  assert(fired);
});

Deno.test("systemClock yields for many turns of the event loop, so that sockets have theirs, or for 2 ms", async () => {
  const clock = systemClock();
  const beganMs = clock.monotonicMs();
  let turns = 0;
  let yielded = false;
  clock.yield(() => yielded = true);
  for (; !yielded; turns++) await new Promise<void>((resolve) => clock.macrotask(resolve));
  assert(turns >= 32 || clock.monotonicMs() - beganMs >= 2, `it yielded for ${turns} turns`);
});

/** A clock of a process whose event loop has not turned yet, as far as it knows. */
async function coldClock(): Promise<Clock> {
  const module = new URL(`../../../runtime/base/clock.ts?cold=${crypto.randomUUID()}`, import.meta.url);
  const { systemClock } = await import(module.href) as typeof import("../../../runtime/base/clock.ts");
  return systemClock();
}

Deno.test("systemClock touches no timer of the machine before the event loop turns, since that loads them", async () => {
  const names = ["setTimeout", "clearTimeout", "setImmediate"] as const;
  const touched: string[] = [];
  const originals = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)!] as const);
  const clock = await coldClock();
  for (const [name, descriptor] of originals) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get() {
        touched.push(name);
        return (descriptor.get ?? (() => descriptor.value)).call(globalThis);
      },
    });
  }
  try {
    clock.setTimer(1_000, () => assert.fail("called"))();
    const called: string[] = [];
    clock.yield(() => called.push("yield"));
    await new Promise<void>((resolve) => clock.macrotask(resolve));
    assert.deepEqual([called, touched], [["yield"], []]);
    await new Promise<void>((resolve) => clock.yield(resolve));
    assert(touched.includes("setImmediate"), "the trap does not work");
  } finally {
    for (const [name, descriptor] of originals) Object.defineProperty(globalThis, name, descriptor);
  }
});

Deno.test("systemClock keeps, before the event loop turns, what it keeps later", async () => {
  const clock = await coldClock();
  clock.setTimer(0, () => assert.fail("taken back at once"))();
  // it has turned, but no callback was waiting for that
  await new Promise((resolve) => setTimeout(resolve, 5));
  const cancel = clock.setTimer(1, () => assert.fail("taken back after the turn"));
  const called: number[] = [];
  const callback = () => void called.push(clock.monotonicMs());
  const beganMs = clock.monotonicMs();
  clock.macrotask(callback);
  clock.macrotask(callback);
  const timer = new Promise<void>((resolve) => clock.setTimer(5, resolve));
  await new Promise<void>((resolve) => clock.yield(resolve));
  cancel();
  assert.equal(called.length, 2);
  await timer;
  assert(clock.monotonicMs() - beganMs >= 4);
  await new Promise<void>((resolve) => clock.yield(resolve));
});

Deno.test("systemClock keeps the process alive until its timer has come, and no longer than that", async () => {
  const mod = new URL("../../../mod.ts", import.meta.url).href;
  const program = `import { systemClock } from "${mod}";
    systemClock().setTimer(3_600_000, () => {})();
    systemClock().setTimer(1, () => console.log("came"));`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", program] });
  const { stdout } = await command.output();
  assert.equal(new TextDecoder().decode(stdout), "came\n");
});

Deno.test("systemClock keeps nothing of what came in the first turn of the event loop", () => {
  const mod = new URL("../../../runtime/base/clock.ts", import.meta.url).href;
  const program = `import { systemClock } from "${mod}";
    const clock = systemClock();
    let called = 0;
    const kept = [];
    const set = (how) => {
      const large = new Array(100).fill(0);
      kept.push(new WeakRef(large));
      clock[how](...(how === "setTimer" ? [0] : []), () => called += large.length);
    };
    ["setTimer", "macrotask", "yield"].forEach(set);
    while (called < 300) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 1));
    gc();
    console.log(kept.filter((reference) => reference.deref() !== undefined).length);`;
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", "--v8-flags=--expose-gc", program] });
  const { stdout } = command.outputSync();
  assert.equal(new TextDecoder().decode(stdout), "0\n");
});
