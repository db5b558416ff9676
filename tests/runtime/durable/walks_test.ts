// How often the results of a turn are traversed: the cost of each traversal is proportional to the size of
// the state.

import assert from "node:assert/strict";
import type { Store } from "@posthorn/posthorn";
import { inMemory, notesOf, ref, Worker, worker, type WorkerContext } from "./durable_stage.ts";

inMemory("the state of a turn is looked through once, and written once", async (stage) => {
  let looks = 0;
  const watched = (lines: string[]) =>
    new Proxy(lines, {
      ownKeys(target) {
        looks++;
        return Reflect.ownKeys(target);
      },
    });
  const scripts = {
    watched: (ctx: WorkerContext) => void (ctx.state = watched(["a", "b"])),
  };
  const system = await stage.start([worker(scripts)]);
  await ref(system, "ada").ask(Worker.call, "watched");
  // One read of its keys and one of its symbols; writing an array needs neither.
  assert.equal(looks, 2);
});

inMemory(
  "what a later turn of a batch puts into a state in place is looked at before it is written",
  async (stage) => {
    const scripts = {
      spoil: (ctx: WorkerContext) => void (ctx.state as unknown[]).push(() => {}),
    };
    const first = await stage.start([worker(scripts)]);
    await ref(first, "ada").ask(Worker.call, "notes");
    await Promise.all([
      ref(first, "ada").tell(Worker.note, "first"),
      ref(first, "ada").tell(Worker.run, "spoil"),
    ]);
    await stage.settle();
    await stage.kill(first);
    const second = await stage.start([worker()]);
    assert.deepEqual(await notesOf(second, "ada"), ["first"]);
  },
);

inMemory(
  "a message without an id of its caller's is looked through once, and written once",
  async (stage) => {
    let looks = 0;
    const payload = new Proxy({ text: "tea" }, {
      ownKeys(target) {
        looks++;
        return Reflect.ownKeys(target);
      },
    });
    // then each message has a deduplication row
    const traits = { ...stage.store.traits, unknownOutcomes: true };
    const { engine } = stage.store;
    const store: Store = { engine, traits, open: (services) => stage.store.open(services) };
    const system = await stage.start([worker()], { store });
    await ref(system, "ada").tell(Worker.note, payload as unknown as string);
    await stage.settle();
    // Its keys and its symbols to check that it is plain data, and its keys to write it.
    assert.equal(looks, 3);
  },
);
