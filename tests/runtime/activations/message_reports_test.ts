import assert from "node:assert/strict";
import { actor, type Inspection, protocol, System, tell } from "@posthorn/posthorn";
import { memoryStore } from "@posthorn/posthorn/memory";
import { VirtualClock } from "@posthorn/posthorn/testing";

const Oven = protocol("oven", { bake: tell() });

/** Records how many messages those of `oven` stand for, event by event. */
function standing(system: System, sampled: boolean): string[] {
  const lines: string[] = [];
  system.inspect((event: Inspection) => {
    if ("message" in event && event.message.protocol === "oven") {
      lines.push(`${event.type} ${event.message.stands}`);
    }
  }, { sampled });
  return lines;
}

/** How many messages the events of a type stand for together. */
function sumOf(lines: readonly string[], type: string): number {
  return lines.map((line) => line.split(" ")).filter(([first]) => first === type)
    .reduce((sum, [, stands]) => sum + Number(stands), 0);
}

for (const place of ["memory", "store"] as const) {
  Deno.test(`in ${place === "memory" ? "memory" : "a store"}, who listens to everything from the middle of a turn on is told of one message, and who listens to a sample of those that it stands for`, async () => {
    const clock = new VirtualClock();
    const open = Promise.withResolvers<void>();
    let turns = 0;
    const oven = actor(Oven, {
      state: () => null,
      on: { bake: () => ++turns === 4 ? open.promise : undefined },
    });
    const store = place === "memory" ? {} : { store: memoryStore() };
    await using system = new System({ actors: [oven], clock, ...store });
    await system.ready();
    const sampled = standing(system, true);
    const main = system.ref(Oven, "main");
    await main.tell(Oven.bake);
    await clock.advance(5);
    const burst = [main.tell(Oven.bake), main.tell(Oven.bake)]; // in the same millisecond
    await clock.settle();
    await Promise.all(burst);
    await clock.advance(5);
    void main.tell(Oven.bake); // stands for itself and for one of the two
    await clock.settle();
    const every = standing(system, false);
    const before = sampled.length;
    open.resolve();
    await clock.settle();
    assert.match(sampled.at(-1)!, /^done [23]$/);
    assert.equal(sampled.length, before + 1);
    assert.deepEqual(every, ["done 1"]);
    for (const type of ["accepted", "started", "done"]) assert.equal(sumOf(sampled, type), 4, type);
  });
}
