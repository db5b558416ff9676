// An actor that has just got its slot when its protocol is paused gives it back.

import assert from "node:assert/strict";
import { LimitedDurableActivation } from "../../../../runtime/durable/activations/limited_durable_activation.ts";
import { inMemory, missedMs, ref, Worker, worker } from "../durable_stage.ts";

inMemory("a slot of an actor that leaves memory while it is paused is free again", async (stage) => {
  const opened: (() => void)[] = [];
  const actors = [
    worker({ hold: () => new Promise<void>((resolve) => opened.push(resolve)) }, { concurrency: 1 }),
  ];
  const system = await stage.start(actors);
  for (const key of ["a", "b", "c"]) await ref(system, key).tell(Worker.run, "hold");
  await stage.settle();
  const { prototype } = LimitedDurableActivation;
  const { admit } = prototype;
  let host: LimitedDurableActivation["host"] | undefined;
  prototype.admit = function (this: LimitedDurableActivation): boolean {
    const admitted = admit.call(this);
    host ??= this.host;
    host.pause(); // between its slot and its run
    return admitted;
  };
  try {
    opened.shift()!();
    await stage.settle();
  } finally {
    prototype.admit = admit;
  }
  assert.deepEqual(system.stats().protocols.worker.turns, { running: 0, waiting: 0 });
  await system.control.passivate(ref(system, "b"));
  host!.resume();
  for (let left = 2; left > 0; left--) {
    await stage.pass(missedMs);
    assert.equal(opened.length, 1);
    opened.shift()!();
  }
  await stage.settle();
  assert.equal(system.stats().protocols.worker.done, 3);
});
